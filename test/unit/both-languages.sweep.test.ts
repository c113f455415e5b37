import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { randomStream } from "../../src/search/random.ts";
import { Space } from "../../src/search/space.ts";
import { arbitraryDescription, rawForms } from "../support/arbitrary-space.ts";
import { casesOf } from "../support/sweep.ts";
import { spellingVectors, vectorSpaces } from "../support/vector-spaces.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const python = `${root}.venv/bin/python`;
const title = existsSync(python)
  ? "TypeScript and Python"
  : "TypeScript and Python (skipped: there is no .venv; `npm test` sets it up)";

const casesASpace = casesOf({ few: 120, all: 700 });

interface Question {
  readonly space: Space;
  readonly raw: unknown;
}

describe.skipIf(!existsSync(python))(title, () => {
  it("agree on thousands of raw inputs, most of them nearly legal", () => {
    const questions = [...vectorSpaces.values()].flatMap((space) =>
      fc.sample(arbitraryRaw(space), casesASpace).map((raw) => asked(space, raw)),
    );
    const ours = questions.map(ourAnswer);
    expect(differing(questions, ours)).toEqual([]);

    expect(questions.length).toBeGreaterThanOrEqual(casesOf({ few: 400, all: 2_000 }));
    const share = (part: string) => ours.filter((answer) => answer.includes(part)).length / ours.length;
    // The inputs are worth comparing only when every kind of answer is among them.
    expect(share('{"text"')).toBeGreaterThan(0.1);
    expect(share("unreadable")).toBeGreaterThan(0.1);
    for (const code of ["unknown-dimension", "missing-dimension", "wrong-length", "not-a-choice"]) {
      expect(share(code)).toBeGreaterThan(0.05);
    }
  });

  it("agree on every case of the vectors", () => {
    const questions = spellingVectors.cases.map(({ space, raw }) =>
      asked(vectorSpaces.get(space) as Space, raw),
    );
    expect(differing(questions, questions.map(ourAnswer))).toEqual([]);
  });

  it("agree on the spelling of arbitrary spaces", () => {
    const questions = fc
      .sample(arbitraryDescription, casesOf({ few: 60, all: 300 }))
      .flatMap((description) => {
        const space = new Space(description);
        return fc.sample(arbitraryRaw(space), 3).map((raw) => asked(space, raw));
      });
    expect(differing(questions, questions.map(ourAnswer))).toEqual([]);
  });
});

/** A question as it arrives in both languages: what JSON keeps of it. */
function asked(space: Space, raw: unknown): Question {
  return { space, raw: JSON.parse(JSON.stringify(raw)) };
}

function ourAnswer({ space, raw }: Question): string {
  const parsed = space.parse(raw);
  return parsed.ok ? JSON.stringify({ text: parsed.architecture.text }) : asSet(parsed.rejections);
}

/** The three shortest questions that Python answers otherwise. */
function differing(questions: readonly Question[], ours: readonly string[]): unknown[] {
  const theirs = pythonAnswers(questions);
  const found = questions.flatMap(({ space, raw }, index) => {
    if (ours[index] === theirs[index]) return [];
    const { id, dimensions, template } = space.description;
    return [{ raw, typescript: ours[index], python: theirs[index], id, dimensions, template }];
  });
  return found
    .sort((first, second) => JSON.stringify(first).length - JSON.stringify(second).length)
    .slice(0, 3);
}

function pythonAnswers(questions: readonly Question[]): string[] {
  const lines = questions.map(({ space: { description }, raw }) => {
    const { dimensions, template } = description;
    return JSON.stringify({ space: { dimensions, template }, raw });
  });
  const run = spawnSync(python, ["-m", "collm_nas_evaluator.space"], {
    cwd: root,
    env: { ...process.env, PYTHONPATH: `${root}python-evaluator` },
    input: `${lines.join("\n")}\n`,
    encoding: "utf8",
    maxBuffer: 2 ** 28,
    timeout: 50_000,
  });
  expect(run.stderr).toBe("");
  expect(run.status).toBe(0);
  const answers = run.stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  return answers.map((answer) =>
    answer.text === undefined ? asSet(answer.rejections) : JSON.stringify({ text: answer.text }),
  );
}

function asSet(rejections: readonly { readonly code: string; readonly place: string }[]): string {
  return JSON.stringify([...new Set(rejections.map(({ code, place }) => `${code} ${place}`))].sort());
}

// --- raw inputs ---

type Edit = (value: unknown, at: fc.GeneratorValue, space: Space) => unknown;

const numbers = [-1, 0, 1, 2, 3, 4, 5, 6, 7, 160, 176, 192, 3.5, 2.0000001, 1e21, 1e300];

/** Numbers and texts near the choices, in forms that one language may read and the other not. */
const entries: readonly unknown[] = [
  ...numbers,
  ..." 4|4 |4\n|4.00|4e0|40e-1|04|-0|+4|0x4|４|٣|4.|.5|1e999|1_6_0|3,5|nan|Infinity|true|null".split("|"),
  ..."|none|skip|None|conv1 |\u0000|\ud800|🙂|__proto__|constructor".split("|"),
  true,
  false,
  null,
  [],
  [3],
  [[3]],
  {},
  { 0: 3 },
  { r: 176 },
];

const keys = "r|d|ks|e|op|depth|R|r ||__proto__|constructor|toString|0|1.5|é|\ud800".split("|");

/** What may surround a text: what is stripped, and what only looks like it. */
const spaces = [
  "",
  " ",
  "\t",
  "\r\n",
  "\u000b",
  "\u000c",
  "\u001c",
  "\u001f",
  "\u0085",
  "\u00a0",
  "\u2028",
  "\u3000",
  "\ufeff",
  "\u0000",
];

function arbitraryRaw(space: Space): fc.Arbitrary<unknown> {
  const legal = fc
    .integer({ min: 0, max: 2 ** 31 })
    .chain((seed) => rawForms(space, space.sample(randomStream(seed, "raw"))));
  const edited = fc.tuple(legal, fc.gen(), fc.integer({ min: 0, max: 3 })).map(([object, at, count]) => {
    let raw: unknown = object;
    for (let time = 0; time < count; time++) raw = at(fc.constantFrom, ...edits)(raw, at, space);
    return raw;
  });
  const asText = fc.tuple(edited, fc.gen()).map(([raw, at]) => {
    const parsed = space.parse(raw);
    const isCanonical = parsed.ok && at(fc.boolean);
    return editedText(isCanonical ? parsed.architecture.text : JSON.stringify(raw), at);
  });
  return fc.oneof(
    { arbitrary: edited, weight: 8 },
    { arbitrary: asText, weight: 4 },
    { arbitrary: fc.jsonValue(), weight: 1 },
    { arbitrary: fc.string({ unit: "binary" }), weight: 1 },
    { arbitrary: fc.constantFrom(...entries), weight: 1 },
  );
}

const anyEntry = fc.oneof(fc.constantFrom(...entries), fc.jsonValue({ maxDepth: 2 }));

/** One step away from what is legal; most edits go into a random depth of the value. */
const edits: readonly Edit[] = [
  (value, at) => within(value, at, () => at(() => anyEntry)),
  (value, at) => within(value, at, () => at(() => anyEntry)),
  (value, at) => within(value, at, (inner) => [inner]),
  (value, at) => within(value, at, (inner) => (Array.isArray(inner) ? inner.flat() : inner)),
  (value, at) => within(value, at, (inner) => (typeof inner === "number" ? `${inner}` : inner)),
  (value, at) =>
    within(value, at, (inner) => {
      if (!Array.isArray(inner)) return inner;
      const place = at(fc.nat, { max: inner.length });
      return at(fc.boolean)
        ? inner.toSpliced(place, 1)
        : inner.toSpliced(
            place,
            0,
            at(() => anyEntry),
          );
    }),
  (value, at) => {
    if (!isObject(value)) return value;
    const dropped = at(fc.constantFrom, ...Object.keys(value), "none");
    return Object.fromEntries(Object.entries(value).filter(([key]) => key !== dropped));
  },
  (value, at) =>
    isObject(value)
      ? Object.fromEntries([...Object.entries(value), [at(fc.constantFrom, ...keys), at(() => anyEntry)]])
      : value,
];

function within(value: unknown, at: fc.GeneratorValue, edit: (inner: unknown) => unknown): unknown {
  const isDeeper = at(fc.nat, { max: 3 }) > 0;
  if (Array.isArray(value) && value.length > 0 && isDeeper) {
    const place = at(fc.nat, { max: value.length - 1 });
    return value.with(place, within(value[place], at, edit));
  }
  if (isObject(value) && isDeeper && Object.keys(value).length > 0) {
    const chosen = at(fc.constantFrom, ...Object.keys(value));
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [key, key === chosen ? within(inner, at, edit) : inner]),
    );
  }
  return edit(value);
}

function editedText(text: string, at: fc.GeneratorValue): string {
  let edited = text;
  for (let times = at(fc.constantFrom, 0, 0, 0, 1, 2); times > 0; times--) {
    const place = at(fc.nat, { max: edited.length });
    const put = at(
      fc.constantFrom,
      "",
      "0",
      "4",
      ".",
      "e",
      "-",
      "+",
      ",",
      ":",
      '"',
      "[",
      "]",
      "{",
      "}",
      "|",
      "~",
      "\\",
      "/",
      "n",
      "NaN",
      " ",
      "\n",
      "\u0001",
      "null",
    );
    edited = edited.slice(0, place) + put + edited.slice(place + at(fc.nat, { max: 1 }));
  }
  const around = () => (at(fc.nat, { max: 9 }) === 0 ? at(fc.constantFrom, ...spaces) : "");
  return around() + edited + around();
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
