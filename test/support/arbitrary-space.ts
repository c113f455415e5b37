/** Arbitrary legal space descriptions: every form of dimension the contract allows, with and without a template. */
import fc from "fast-check";
import type { Architecture } from "../../src/search/architecture.ts";
import type { Space } from "../../src/search/space.ts";
import type { Dimension, SpaceDescription } from "../../src/search/space-description.ts";

const names = ["depth", "op", "ks", "_x1", "W", "constructor", "__proto__", "toString", "length"];
const numericTokens = [
  "0",
  "1",
  "2",
  "3.0",
  "3.5",
  "4e0",
  "-1",
  "-0.25",
  "1e2",
  "0.001",
  "160",
  "12345678901234567890",
];
const plainTokens = ["none", "skip", "conv3", "Conv3", "3", "null", "a", "aa", "__proto__", "ü"];

/** Text that a JSON form has to escape or keep: quotes, white space, control characters, other scripts. */
const anyToken = fc.oneof(
  fc.constantFrom(...plainTokens),
  fc.constantFrom('"', "\\", "a b", " ", "\n", "\u0000", "\u2028", "4.0", "{}", "[1]", "日本"),
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 5 }),
);

const groups = fc
  .array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 })
  .map((sizes) => sizes.map((size, index) => ({ name: `group ${index + 1}`, size })));

function dimension(name: string, token: fc.Arbitrary<string>): fc.Arbitrary<Dimension> {
  const choices = fc.oneof(
    fc.record({
      numeric: fc.constant(true),
      choices: fc.uniqueArray(fc.constantFrom(...numericTokens), { minLength: 1, maxLength: 4 }),
    }),
    fc.record({
      numeric: fc.constant(false),
      choices: fc.uniqueArray(token, { minLength: 1, maxLength: 4 }),
    }),
  );
  return fc.record({ groups, choices }).map((each) => ({
    name,
    meaning: "",
    groups: each.groups,
    activeCount: "",
    slotNames: [],
    ...each.choices,
  }));
}

/** A dimension and, before or after it, the one that counts its active slots. */
function countedPair(name: string, count: string, token: fc.Arbitrary<string>): fc.Arbitrary<Dimension[]> {
  return dimension(name, token).chain((governed) => {
    const smallest = Math.min(...governed.groups.map(({ size }) => size));
    const counts = Array.from({ length: smallest + 1 }, (_, index) => `${index}`);
    return fc
      .record({
        choices: fc.uniqueArray(fc.constantFrom(...counts), { minLength: 1, maxLength: 4 }),
        isLast: fc.boolean(),
        isSplit: fc.boolean(),
      })
      .map(({ choices, isLast, isSplit }) => {
        const slots = governed.groups.length;
        const counting: Dimension = {
          name: count,
          meaning: "",
          choices,
          numeric: true,
          groups: isSplit
            ? Array.from({ length: slots }, (_, index) => ({ name: `${index}`, size: 1 }))
            : [{ name: "all", size: slots }],
          activeCount: "",
          slotNames: [],
        };
        const pair = [counting, { ...governed, activeCount: count }];
        return isLast ? pair.reverse() : pair;
      });
  });
}

function dimensions(token: fc.Arbitrary<string>): fc.Arbitrary<Dimension[]> {
  return fc
    .shuffledSubarray(names, { minLength: 4, maxLength: 4 })
    .chain(([first = "", second = "", third = "", fourth = ""]) =>
      fc
        .tuple(
          fc.oneof(fc.constant<Dimension[]>([]), countedPair(first, second, token)),
          fc.oneof(
            fc.constant<Dimension[]>([]),
            dimension(third, token).map((each) => [each]),
          ),
          dimension(fourth, token).map((each) => [each]),
        )
        .map((parts) => parts.flat()),
    );
}

/** A template over shuffled slots; the separators hold nothing that a plain token holds. */
function template(of: readonly Dimension[]): fc.Arbitrary<string> {
  const places = of.flatMap(({ name, groups: each }) =>
    Array.from({ length: each.reduce((sum, { size }) => sum + size, 0) }, (_, slot) => `{${name}[${slot}]}`),
  );
  return fc
    .tuple(
      fc.shuffledSubarray(places, { minLength: places.length }),
      fc.constantFrom("", "|", "cell: "),
      fc.constantFrom("|", "~0|+|", " / ", ", {", "}{"),
      fc.constantFrom("", "|", "~2|", "}"),
    )
    .map(([shuffled, opening, separator, closing]) => opening + shuffled.join(separator) + closing);
}

/** Any legal description, about half of them with a template. */
export const arbitraryDescription: fc.Arbitrary<SpaceDescription> = fc
  .oneof(
    dimensions(anyToken).map((each) => ({ dimensions: each, template: "" })),
    dimensions(fc.constantFrom(...plainTokens)).chain((each) =>
      template(each).map((text) => ({ dimensions: each, template: text })),
    ),
  )
  .map((spelling) => ({
    id: "arbitrary",
    summary: "",
    digest: "d",
    ...spelling,
    metrics: [{ name: "accuracy", unit: "percent", meaning: "", higherIsBetter: true }],
    costs: [],
    splits: [{ name: "search", meaning: "" }],
    parallelism: 1,
    maxBatch: 1,
    provenance: "",
  }));

/** Arbitrary raw spellings of one architecture: flat, grouped, active slots only, bare, numbers as text. */
export function rawForms(space: Space, architecture: Architecture): fc.Arbitrary<Record<string, unknown>> {
  const plain = space.toObject(architecture);
  const junk = fc.constantFrom<unknown>(null, "junk", -7, true, { any: "thing" }, "");
  const forms = space.description.dimensions.map(({ name, groups: each, numeric, activeCount }) => {
    const slots = plain[name] ?? [];
    const isInactive = (slot: unknown) => activeCount !== "" && slot === null;
    const loose = fc.tuple(
      ...slots.map((slot) => {
        if (isInactive(slot)) return junk;
        return numeric
          ? fc.constantFrom<unknown>(slot, `${slot}`, `${slot}`.replace("e+", "e"))
          : fc.constant<unknown>(slot);
      }),
    );
    return fc
      .tuple(loose, fc.constantFrom("flat", "grouped", "active", "short"), fc.infiniteStream(fc.boolean()))
      .map(([entries, form, coins]): [string, unknown] => {
        if (form === "short" && slots.length === 1 && !isInactive(slots[0])) return [name, entries[0]];
        const active = entries.filter((_, slot) => !isInactive(slots[slot]));
        if (form === "active" && each.length === 1 && !active.some(Array.isArray)) return [name, active];
        if (form === "flat") return [name, entries];
        let at = 0;
        const lists = each.map(({ size }) => {
          const from = at;
          at += size;
          const isShort = form === "active" || (form === "short" && coins.next().value === true);
          return entries.slice(from, at).filter((_, within) => !isShort || !isInactive(slots[from + within]));
        });
        return [name, lists];
      });
  });
  return fc
    .tuple(...forms)
    .chain((members) => fc.shuffledSubarray(members, { minLength: members.length }))
    .map((members) => Object.fromEntries(members));
}
