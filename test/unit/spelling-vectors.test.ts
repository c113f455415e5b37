import { describe, expect, it } from "vitest";
import { ContractViolation } from "../../src/errors.ts";
import { Space } from "../../src/search/space.ts";
import { describedAs, type SpellingCase, spellingVectors, vectorSpaces } from "../support/vector-spaces.ts";

const byName = (cases: readonly SpellingCase[]) =>
  cases.map((each): [string, SpellingCase] => [`${each.space}: ${each.why}`, each]);

const asSet = (rejections: readonly { code: string; place: string }[] | undefined) =>
  (rejections ?? []).map(({ code, place }) => `${code} at "${place}"`).sort();

function space(name: string) {
  const found = vectorSpaces.get(name);
  if (found === undefined) throw new Error(`the vectors have no space "${name}"`);
  return found;
}

describe("the shared spelling vectors", () => {
  const legal = spellingVectors.cases.filter(({ text }) => text !== undefined);
  const refused = spellingVectors.cases.filter(({ rejections }) => rejections !== undefined);

  it("say of each case either a text or at least one reason", () => {
    expect(legal.length + refused.length).toBe(spellingVectors.cases.length);
    expect(
      spellingVectors.cases.filter(({ text, rejections }) => text !== undefined && rejections !== undefined),
    ).toEqual([]);
    expect(refused.filter(({ rejections }) => rejections?.length === 0)).toEqual([]);
    expect(legal.length).toBeGreaterThan(20);
    expect(refused.length).toBeGreaterThan(50);
  });

  it.each(byName(legal))("reads %s", (_, { space: name, raw, text }) => {
    const parsed = space(name).parse(raw);
    expect(parsed.ok ? parsed.architecture.text : parsed.rejections).toBe(text);
  });

  it.each(byName(refused))("refuses %s", (_, { space: name, raw, rejections }) => {
    const parsed = space(name).parse(raw);
    expect(parsed.ok ? parsed.architecture.text : asSet(parsed.rejections)).toEqual(asSet(rejections));
  });

  it.each(byName(legal))(
    "keeps the text of %s as it is when it is read again",
    (_, { space: name, text }) => {
      expect(space(name).fromText(text ?? "").text).toBe(text);
    },
  );

  it.each(spellingVectors.refusedSpaces)("refuse a space with $why", (spelling) => {
    expect(() => new Space(describedAs("refused", spelling))).toThrow(ContractViolation);
  });
});
