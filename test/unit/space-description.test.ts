/** Which descriptions of a space are refused because they contradict themselves, and with what words. */
import { describe, expect, it } from "vitest";
import { ContractViolation } from "../../src/errors.ts";
import { Space } from "../../src/search/space.ts";
import type { Dimension, SpaceDescription } from "../../src/search/space-description.ts";
import { describedAs, spellingVectors } from "../support/vector-spaces.ts";

describe("the constructor refuses a description that contradicts itself", () => {
  const layers = () =>
    structuredClone(
      describedAs("layers", spellingVectors.spaces["layers"] ?? { dimensions: [], template: "" }),
    );
  const cell = () =>
    structuredClone(describedAs("cell", spellingVectors.spaces["cell"] ?? { dimensions: [], template: "" }));
  const dimensionOf = (description: SpaceDescription, name: string) =>
    description.dimensions.find((each) => each.name === name) as Dimension;
  const refusal = (description: SpaceDescription) => {
    try {
      new Space(description);
      return "accepted";
    } catch (error) {
      expect(error).toBeInstanceOf(ContractViolation);
      expect((error as Error).message).toContain("the evaluator has to correct its description");
      return (error as Error).message;
    }
  };

  it("and no other", () => {
    expect(refusal(layers())).toBe("accepted");
    expect(refusal(cell())).toBe("accepted");
  });

  const changes: [string, (description: SpaceDescription) => void, string][] = [
    [
      "a name used twice",
      (d) => d.dimensions.push({ ...dimensionOf(d, "dim") }),
      'dimension "dim": the name is used twice',
    ],
    [
      "a choice listed twice",
      (d) => dimensionOf(d, "dim").choices.push("216"),
      'dimension "dim": a choice is listed twice',
    ],
    [
      "one number listed in two spellings",
      (d) => dimensionOf(d, "dim").choices.push("216.0"),
      'dimension "dim": a choice is listed twice',
    ],
    [
      "a numeric choice that is a word",
      (d) => dimensionOf(d, "dim").choices.push("wide"),
      'dimension "dim": a numeric choice is no decimal number',
    ],
    [
      "a numeric choice in hexadecimal",
      (d) => dimensionOf(d, "dim").choices.push("0x10"),
      'dimension "dim": a numeric choice is no decimal number',
    ],
    [
      "a numeric choice that no JSON text could hold",
      (d) => dimensionOf(d, "dim").choices.push("0256"),
      'dimension "dim": a numeric choice is no decimal number',
    ],
    [
      "a numeric choice beyond the range of numbers",
      (d) => dimensionOf(d, "dim").choices.push("1e999"),
      'dimension "dim": a numeric choice is beyond the range of numbers',
    ],
    [
      "slot names that are too few",
      (d) => dimensionOf(d, "mlp").slotNames.push("first"),
      'dimension "mlp": slot names and slots differ in number',
    ],
    [
      "a count that does not exist",
      (d) => Object.assign(dimensionOf(d, "mlp"), { activeCount: "layers" }),
      'dimension "mlp": "layers" is no numeric dimension whose slots are all active',
    ],
    [
      "a count that is not numeric",
      (d) => Object.assign(dimensionOf(d, "depth"), { numeric: false }),
      'dimension "mlp": "depth" is no numeric dimension whose slots are all active',
    ],
    [
      "a count that is counted itself",
      (d) => Object.assign(dimensionOf(d, "depth"), { activeCount: "dim" }),
      'dimension "mlp": "depth" is no numeric dimension whose slots are all active',
    ],
    [
      "a dimension that counts itself",
      (d) => Object.assign(dimensionOf(d, "dim"), { activeCount: "dim" }),
      'dimension "dim": "dim" is no numeric dimension whose slots are all active',
    ],
    [
      "a count with more slots than groups",
      (d) => dimensionOf(d, "depth").groups.push({ name: "", size: 1 }),
      'dimension "mlp": "depth" needs one slot for each group',
    ],
    [
      "a count above the size of a group",
      (d) => dimensionOf(d, "depth").choices.push("5"),
      'dimension "mlp": "depth" counts more slots than a group has',
    ],
    [
      "a count above the size of the smallest group only",
      (d) => {
        for (const name of ["mlp", "heads"])
          dimensionOf(d, name).groups = [
            { name: "a", size: 4 },
            { name: "b", size: 3 },
          ];
        dimensionOf(d, "depth").groups = [{ name: "", size: 2 }];
      },
      'dimension "mlp": "depth" counts more slots than a group has',
    ],
    [
      "a count below nothing",
      (d) => dimensionOf(d, "depth").choices.push("-1"),
      'dimension "mlp": "depth" counts more slots than a group has',
    ],
    [
      "half a count",
      (d) => dimensionOf(d, "depth").choices.push("2.5"),
      'dimension "mlp": "depth" counts more slots than a group has',
    ],
  ];
  it.each(changes)("%s", (_, change, message) => {
    const description = layers();
    change(description);
    expect(refusal(description)).toContain(`space layers, ${message}`);
  });

  const slots = "the template must name every slot once, with text between them";
  const unreadable = "a text of the template cannot be read back";
  const templates: [string, string, string][] = [
    ["a slot left out", "|{op[0]}|{op[1]}|{op[2]}|{op[3]}|{op[4]}|", slots],
    ["a slot named twice", "|{op[0]}|{op[1]}|{op[2]}|{op[3]}|{op[4]}|{op[5]}|{op[5]}|", slots],
    ["a slot named twice in place of another", "|{op[0]}|{op[1]}|{op[2]}|{op[3]}|{op[4]}|{op[4]}|", slots],
    ["a slot that does not exist", "|{op[0]}|{op[1]}|{op[2]}|{op[3]}|{op[4]}|{op[6]}|", slots],
    ["a dimension that does not exist", "|{op[0]}|{op[1]}|{op[2]}|{op[3]}|{op[4]}|{ep[5]}|", slots],
    ["two slots with nothing between them", "|{op[0]}{op[1]}|{op[2]}|{op[3]}|{op[4]}|{op[5]}|", slots],
    ["no slot at all", "cell", slots],
    [
      "a text between two slots that a choice holds",
      "|{op[0]}o{op[1]}|{op[2]}|{op[3]}|{op[4]}|{op[5]}|",
      unreadable,
    ],
    [
      "a text that begins with a brace, as JSON does",
      "{{op[0]}|{op[1]}|{op[2]}|{op[3]}|{op[4]}|{op[5]}}",
      unreadable,
    ],
    ["a text that begins with white space", " {op[0]}|{op[1]}|{op[2]}|{op[3]}|{op[4]}|{op[5]}", unreadable],
    ["a text that ends with a line break", "{op[0]}|{op[1]}|{op[2]}|{op[3]}|{op[4]}|{op[5]}\n", unreadable],
  ];
  it.each(templates)("a template with %s", (_, template, message) => {
    expect(refusal({ ...cell(), template })).toContain(`space cell: ${message}`);
  });

  it("a template in which an inactive slot could not be distinguished from the text after it", () => {
    const places = ["mlp", "heads"].flatMap((name) => [0, 1, 2, 3].map((slot) => `{${name}[${slot}]}`));
    const template = (separator: string) => [...places, "{depth[0]}", "{dim[0]}"].join(separator);
    expect(refusal({ ...layers(), template: template("l") })).toContain(unreadable);
    expect(refusal({ ...layers(), template: template("x") })).toBe("accepted");
  });
});
