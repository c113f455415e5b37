/** Good replies in thousands of forms, and thousands of changes to them: what is kept, and what is never made up. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { randomStream } from "../../src/search/random.ts";
import type { Architecture } from "../../src/search/architecture.ts";
import type { Space } from "../../src/search/space.ts";
import { writeArchitecture } from "../../src/searchers/prompts.ts";
import { rawForms } from "../support/arbitrary-space.ts";
import { read, spaces } from "../support/read-replies.ts";
import { casesOf } from "../support/sweep.ts";

interface Style {
  readonly quote: readonly [string, string];
  readonly bareKeys: boolean;
  readonly trailingCommas: boolean;
  readonly missingCommas: boolean;
  readonly comment: string;
  readonly space: string;
  readonly python: boolean;
}

const plain: Style = {
  quote: ['"', '"'],
  bareKeys: false,
  trailingCommas: false,
  missingCommas: false,
  comment: "",
  space: " ",
  python: false,
};

const styles: fc.Arbitrary<Style> = fc.record({
  quote: fc.constantFrom<Style["quote"]>(['"', '"'], ["'", "'"], ["\u201c", "\u201d"]),
  bareKeys: fc.boolean(),
  trailingCommas: fc.boolean(),
  missingCommas: fc.boolean(),
  comment: fc.constantFrom("", "", " // it's [wide]\n", " # {deep}\n", ' /* the "best" */ '),
  space: fc.constantFrom("", " ", "\n  ", "\r\n\t", "\u00a0", "\ufeff", "\u200b"),
  python: fc.boolean(),
});

function written(value: unknown, style: Style): string {
  const { quote, trailingCommas, missingCommas, comment, space } = style;
  const quoted = (text: string) => quote[0] + text + quote[1];
  const joined = (members: readonly string[], comma: string) =>
    space +
    members.join(`${comma}${comment}${space}`) +
    (trailingCommas && members.length > 0 ? "," : "") +
    space;
  if (Array.isArray(value)) {
    const areObjects = value.every(
      (each) => typeof each === "object" && each !== null && !Array.isArray(each),
    );
    return `[${joined(
      value.map((each) => written(each, style)),
      missingCommas && areObjects ? " " : ",",
    )}]`;
  }
  if (typeof value === "object" && value !== null) {
    const members = Object.entries(value).map(
      ([key, each]) => `${style.bareKeys ? key : quoted(key)}:${space}${written(each, style)}`,
    );
    return `{${joined(members, ",")}}`;
  }
  if (typeof value === "string") return quoted(value);
  if (!style.python || typeof value === "number") return JSON.stringify(value);
  return value === null ? "None" : value === true ? "True" : "False";
}

const layouts: Readonly<Record<string, (items: readonly unknown[], style: Style) => string>> = {
  answer: (items, style) => written({ architectures: items }, style),
  list: (items, style) => written(items, style),
  sequence: (items, style) => items.map((each) => written(each, style)).join("\n"),
  nested: (items, style) => written({ result: { architectures: items } }, style),
  each: (items, style) => written({ architectures: items.map((item) => ({ network: item })) }, style),
  "with a reason": (items, style) =>
    written(
      items.map((item) => ({ reason: "wide", network: item })),
      style,
    ),
};

const frames = fc.constantFrom<(text: string) => string>(
  (text) => text,
  (text) => `\ufeff${text}\n`,
  (text) => `\`\`\`json\n${text}\n\`\`\``,
  (text) => `~~~\n${text}\n~~~\nDone.`,
  (text) => `Sure! Here's what I'd try (see [1] and {above}):\n\n\`\`\`\n${text}`,
  (text) => `It is "deep" & wide: [160, 176...]\n${text}\nI hope that's what you wanted :-]`,
  (text) => `<think>Perhaps {"a": 1}, or [not].</think>\n${text}`,
);

/** A space of the five and some of its architectures. */
const drawn = fc
  .record({
    space: fc.constantFrom(...spaces.map(([, space]) => space)),
    seed: fc.nat(),
    count: fc.integer({ min: 1, max: 4 }),
  })
  .map(({ space, seed, count }) => {
    const random = randomStream(seed, "hostile");
    return { space, architectures: Array.from({ length: count }, () => space.sample(random)) };
  });

describe("a good reply", () => {
  it("keeps every architecture through any change of form that keeps the meaning", () => {
    const replies = drawn.chain(({ space, architectures }) =>
      fc.record({
        space: fc.constant(space),
        architectures: fc.constant(architectures),
        raws: fc.tuple(...architectures.map((each) => rawForms(space, each))),
        style: styles,
        layout: fc.constantFrom(...Object.values(layouts)),
        frame: frames,
      }),
    );
    fc.assert(
      fc.property(replies, ({ space, architectures, raws, style, layout, frame }) => {
        const { legal, refused } = read(space, frame(layout(raws, style)));
        expect(legal.map((each) => each.text)).toEqual(architectures.map((each) => each.text));
        expect(refused).toEqual([]);
      }),
      { numRuns: casesOf({ few: 400, all: 4_000 }) },
    );
  });

  it("gives nothing that is not whole in it, whatever is cut, dropped, swapped or added", () => {
    const at = fc.double({ min: 0, max: 1, noNaN: true });
    const pieces = fc.constantFrom(
      ..."{}[],:\"'0123456789 \n\\#/-.eN".split(""),
      "null",
      "//",
      "```",
      "],[",
      "},{",
      ', "',
      "\0",
      "\ud800",
    );
    const change = fc.oneof(
      fc.record({
        what: fc.constantFrom("cut", "drop", "swap", "double"),
        from: at,
        to: at,
        by: fc.constant(""),
      }),
      fc.record({ what: fc.constantFrom("insert", "flip"), from: at, to: at, by: pieces }),
    );
    const replies = fc.record({
      drawn,
      // A comment with brackets would hide from the test what is between which braces.
      style: fc.oneof(
        fc.constant(plain),
        styles.map((each) => (each.comment === "" ? each : { ...each, comment: " # it is deep\n" })),
      ),
      layout: fc.constantFrom(...Object.values(layouts)),
      unused: fc.constantFrom<"null" | "choice">("null", "choice"),
      frame: frames,
      changes: fc.array(change, { minLength: 1, maxLength: 4 }),
      reach: fc.constantFrom(0.02, 0.2, 1),
    });
    let accepted = 0;
    let given = 0;
    fc.assert(
      fc.property(
        replies,
        ({ drawn: { space, architectures }, style, layout, unused, frame, changes, reach }) => {
          const raws = architectures.map((each): unknown =>
            JSON.parse(writeArchitecture(space, each, unused)),
          );
          const text = changes.reduce((all, each) => changed(all, each, reach), frame(layout(raws, style)));
          const { legal, refused } = read(space, text);
          given += architectures.length;
          accepted += legal.length;
          for (const each of legal)
            expect(standsWhole(space, each, text), `${each.text}\nin\n${text}`).toBe(true);
          for (const reasons of refused) expect(reasons.length).toBeGreaterThan(0);
        },
      ),
      { numRuns: casesOf({ few: 600, all: 6_000 }) },
    );
    // The changes neither spare everything nor leave nothing.
    expect(accepted / given).toBeGreaterThan(0.2);
    expect(accepted / given).toBeLessThan(0.9);
  });
});

// --- internal ---

function changed(
  text: string,
  {
    what,
    from,
    to,
    by,
  }: { readonly what: string; readonly from: number; readonly to: number; readonly by: string },
  reach: number,
): string {
  const start = Math.floor(from * text.length);
  const end = Math.min(text.length, start + Math.ceil(to * reach * (text.length - start)));
  const [before, inside, after] = [text.slice(0, start), text.slice(start, end), text.slice(end)];
  switch (what) {
    case "cut":
      return before;
    case "drop":
      return before + after;
    case "swap":
      return before + after.slice(0, inside.length) + inside + after.slice(inside.length);
    case "double":
      return before + inside + inside + after;
    case "insert":
      return before + by + inside + after;
    default:
      return before + by + text.slice(start + 1);
  }
}

/**
 * Whether every slot in use is in `text`, in order, after its dimension's name and before the next one, all
 * within one pair of braces that no comment holds; or the text of the template does.
 */
function standsWhole(space: Space, architecture: Architecture, text: string): boolean {
  const { dimensions, template } = space.description;
  if (template !== "" && text.includes(architecture.text)) return true;
  const token = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|[A-Za-z_]\w*/g;
  const names = dimensions.map(({ name }) => name);
  const bare = text.replaceAll(/(?:#|\/\/)[^\n]*/g, "");
  return [...text.split(/[{}]/), ...bare.split(/[{}]/)].some((inside) => {
    const tokens = inside.match(token) ?? [];
    return dimensions.every(({ name, choices, numeric }, index) => {
      const wanted = (architecture.choices[index] ?? []).flatMap((choice) =>
        choice === null ? [] : [choices[choice] as string],
      );
      return tokens.some((each, place) => {
        if (each !== name) return false;
        let met = 0;
        for (const next of tokens.slice(place + 1)) {
          if (names.includes(next)) break;
          const want = wanted[met];
          if (want !== undefined && (numeric ? Number(next) === Number(want) : next === want)) met += 1;
        }
        return met === wanted.length;
      });
    });
  });
}
