/**
 * `replay` decides a whole recorded run again, with neither model nor evaluator, and notices every change to it.
 *
 * The record is test/fixtures/run-v1, and one of the rules beside it, made by test/fixtures/make-run-v1.sh in the current format version. Whoever
 * changes a prompt, a rule or the format on purpose makes it anew.
 */
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { collmNas, type Ended, root, start, temporaryFolder } from "../support/cli.ts";

const fixture = join(root, "test/fixtures/run-v1");
const text = readFileSync(join(fixture, "journal.jsonl"), "utf8");
const lines = text.trimEnd().split("\n");
const recorded = lines.map((line) => JSON.parse(line) as Recorded);

interface Recorded {
  readonly seq: number;
  readonly type: string;
  readonly [key: string]: unknown;
}

/** Neither Python nor a model's key: a replay has no use for them. */
const nothing = { env: { COLLM_NAS_PYTHON: "/nonexistent", OPENAI_API_KEY: undefined } };

async function replay(folder: string, ...flags: string[]): Promise<Ended> {
  return await collmNas(["replay", folder, ...flags], nothing);
}

/** Replays a record that consists of these lines. */
async function replayOf(changed: readonly string[]): Promise<Ended> {
  const folder = join(temporaryFolder(), "run");
  mkdirSync(folder);
  writeFileSync(join(folder, "journal.jsonl"), `${changed.join("\n")}\n`);
  return await replay(folder);
}

/** The number of the first event of a type, at or behind a number. */
function numberOf(type: string, from = 1): number {
  const found = recorded.find((event) => event.type === type && event.seq >= from);
  if (found === undefined) throw new Error(`the fixture has no ${type} from event ${from} on: make it anew`);
  return found.seq;
}

function lineWith(part: string): number {
  const index = lines.findIndex((line) => line.includes(part));
  if (index === -1) throw new Error(`the fixture has no ${part}: make it anew`);
  return index + 1;
}

/** Where a change to an event shows at the latest: at the next chain digest, which covers every line before it. */
function nextChain(number: number): number {
  return recorded.find((event) => event.seq > number && "chain" in event)?.seq ?? Number.NaN;
}

describe("an unchanged record", () => {
  test("comes out as recorded, without Python and without a model", async () => {
    const { code, stdout, stderr } = await start(["replay", fixture], nothing).ended;
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout).toBe(`${lines.length} events replayed: every decision of the run came out as recorded\n`);
  });

  test("comes out as recorded where the rules searched", async () => {
    const { code, stdout, stderr } = await replay(join(root, "test/fixtures/rules-v1"));
    expect(code, stderr).toBe(0);
    expect(stdout).toContain("every decision of the run came out as recorded");
  });

  test("gives one object with --json", async () => {
    const { code, stdout } = await replay(fixture, "--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      run: fixture,
      events: lines.length,
      complete: true,
      reproduced: true,
    });
  });

  test("is only read", async () => {
    const folder = join(temporaryFolder(), "run");
    cpSync(fixture, folder, { recursive: true });
    chmodSync(join(folder, "journal.jsonl"), 0o444);
    chmodSync(folder, 0o555);
    expect((await replay(folder)).code).toBe(0);
    expect(existsSync(join(folder, "lock"))).toBe(false);
    expect(readFileSync(join(folder, "journal.jsonl"), "utf8")).toBe(text);
    chmodSync(folder, 0o755);
  });

  test("holds what replay has to cope with", () => {
    const types = new Set(recorded.map(({ type }) => type));
    expect([...types].sort()).toEqual([
      "architecture-measured",
      "chat-replied",
      "costs-measured",
      "round-closed",
      "round-proposed",
      "run-ended",
      "run-resumed",
      "run-started",
      "strategy-set",
      "winner-tested",
    ]);
    for (const kind of ["accepted", "repeated", "equivalent", "over-limit", "beyond-budget", "failure"])
      expect(text).toContain(`"kind":"${kind}"`);
    const resumes = recorded.filter(({ type }) => type === "run-resumed");
    expect(resumes.map(({ budget }) => budget)).toEqual([null, 30]);
    // The first resume stands in the middle of a round's results.
    const at = numberOf("run-resumed");
    expect([recorded[at - 2]?.type, recorded[at]?.type]).toEqual([
      "architecture-measured",
      "architecture-measured",
    ]);
  });
});

describe("a record that stops early", () => {
  test.each([
    ["after its first event", () => 1],
    ["in the middle of a round", () => numberOf("round-proposed") + 2],
    ["after a round", () => numberOf("round-closed")],
    ["before the winner was tested", () => numberOf("run-ended")],
    ["one event before its end", () => lines.length - 1],
  ])("%s comes out as recorded as far as it goes", async (_where, count) => {
    const { code, stdout, stderr } = await replayOf(lines.slice(0, count()));
    expect(code, stderr).toBe(0);
    expect(stdout).toBe(
      `${count()} events replayed: every decision so far came out as recorded; the run is unfinished\n`,
    );
  });

  test("in the middle of a line is replayed without it, which is said", async () => {
    const folder = join(temporaryFolder(), "run");
    mkdirSync(folder);
    const torn = `${lines.slice(0, 20).join("\n")}\n${(lines[20] as string).slice(0, 50)}`;
    writeFileSync(join(folder, "journal.jsonl"), torn);
    const { code, stdout, stderr } = await replay(folder);
    expect(code, stderr).toBe(0);
    expect(stdout).toContain("20 events replayed");
    expect(stdout).toContain("the last line of the journal is unfinished (50 bytes) and was left out");
  });
});

describe("a changed record", () => {
  /** Line, what is replaced by what, and the event at which it has to show. */
  const changes: [what: string, number: number, from: string | RegExp, to: string, shows: number][] = [
    [
      "an accuracy",
      lineWith('"accuracy":8'),
      '"accuracy":8',
      '"accuracy":9',
      nextChain(lineWith('"accuracy":8')),
    ],
    [
      "the time an evaluation took",
      numberOf("architecture-measured"),
      '"seconds":0.5',
      '"seconds":0.4',
      nextChain(numberOf("architecture-measured")),
    ],
    [
      "the kind of a failure",
      lineWith('"out-of-memory"'),
      '"out-of-memory"',
      '"crashed"',
      nextChain(lineWith('"out-of-memory"')),
    ],
    ["a verdict", lineWith('"over-limit"'), '"over-limit"', '"beyond-budget"', lineWith('"over-limit"')],
    [
      "the other way round",
      lineWith('"beyond-budget"'),
      '"beyond-budget"',
      '"over-limit"',
      lineWith('"beyond-budget"'),
    ],
    [
      "whether it is over the limit",
      numberOf("round-proposed"),
      '"overLimit":false',
      '"overLimit":true',
      numberOf("round-proposed"),
    ],
    [
      "a twin",
      lineWith('"kind":"equivalent"'),
      /"twin":"(.*?)16/,
      '"twin":"$124',
      lineWith('"kind":"equivalent"'),
    ],
    [
      "a cost",
      numberOf("round-proposed"),
      /"flops_m":\d+/,
      '"flops_m":7',
      nextChain(numberOf("round-proposed")),
    ],
    [
      "a raw candidate",
      numberOf("round-proposed"),
      '"raw":{"depth":[',
      '"raw":{"depth":[1,',
      numberOf("round-proposed"),
    ],
    ["a word of a strategy", numberOf("strategy-set"), "Keep what", "Keep that", numberOf("strategy-set")],
    ["a word of a question", numberOf("chat-replied"), "You are", "You were", numberOf("chat-replied")],
    [
      "a word of the Navigator's reply",
      numberOf("chat-replied"),
      "Keep what",
      "Keep that",
      numberOf("strategy-set"),
    ],
    [
      "an architecture of the Generator's reply",
      lineWith('"role":"generator"'),
      /("reply":\{.*?\[\{\\"depth\\":\[)\d/,
      "$13",
      numberOf("round-proposed"),
    ],
    [
      "the digest of a question",
      numberOf("chat-replied"),
      /"request":"./,
      '"request":"x',
      numberOf("chat-replied"),
    ],
    [
      "how many messages were sent before",
      lineWith('"carried":0'),
      '"carried":0',
      '"carried":1',
      lineWith('"carried":0'),
    ],
    ["the seed", 1, '"seed":1', '"seed":2', numberOf("costs-measured")],
    ["the budget", 1, '"budget":12', '"budget":13', numberOf("chat-replied")],
    ["a limit", 1, '"limits":{"flops_m":50}', '"limits":{"flops_m":51}', numberOf("chat-replied")],
    ["what the space is said to be", 1, '"summary":"A', '"summary":"The', numberOf("chat-replied")],
    ["a choice of the space", 1, '"choices":["16"', '"choices":["12"', numberOf("costs-measured")],
    ["where the numbers come from", 1, '"provenance":"', '"provenance":"not ', nextChain(1)],
    ["the program's version", 1, '"collmNas":"', '"collmNas":"9', nextChain(1)],
    ["a chain", numberOf("round-closed"), /"chain":"./, '"chain":"x', numberOf("round-closed")],
    ["why it ended", numberOf("run-ended"), '"budget"', '"target"', numberOf("run-ended")],
    [
      "what a resume mended",
      numberOf("run-resumed"),
      "took over",
      "took",
      nextChain(numberOf("run-resumed")),
    ],
    [
      "the budget of a resume",
      lineWith('"budget":30'),
      '"budget":30',
      '"budget":31',
      numberOf("chat-replied", lineWith('"budget":30')),
    ],
    [
      "the winner's test",
      numberOf("winner-tested"),
      /"accuracy":9/,
      '"accuracy":8',
      numberOf("winner-tested"),
    ],
    ["the last winner's test", lines.length, /"accuracy":9/, '"accuracy":8', lines.length],
    ["the winner", lines.length, 'depth\\":[2', 'depth\\":[1', lines.length],
  ];

  test.each(changes)("%s: exit 6 and the event", async (_what, number, from, to, shows) => {
    const before = lines[number - 1] as string;
    const after = before.replace(from, to);
    expect(after).not.toBe(before);
    const { code, stdout, stderr } = await replayOf(lines.with(number - 1, after));
    expect(stderr).toMatch(new RegExp(`^collm-nas: event ${shows}: [^\\n]+\\n$`));
    expect(code).toBe(6);
    expect(stdout).toBe("");
  });

  test("an event that is left out: exit 6", async () => {
    const measured = numberOf("architecture-measured") + 1;
    const renumbered = lines
      .toSpliced(measured - 1, 1)
      .map((line, index) => line.replace(/"seq":\d+/, `"seq":${index + 1}`));
    const { code, stderr } = await replayOf(renumbered);
    expect(code).toBe(6);
    expect(stderr).toMatch(/^collm-nas: event \d+: /);
  });

  test("two results that changed places: exit 6", async () => {
    const at = numberOf("architecture-measured") - 1;
    const [first, second] = [lines[at] as string, lines[at + 1] as string];
    const swapped = lines
      .toSpliced(at, 2, second, first)
      .map((line, index) => line.replace(/"seq":\d+/, `"seq":${index + 1}`));
    const { code, stderr } = await replayOf(swapped);
    expect(code).toBe(6);
    expect(stderr).toMatch(new RegExp(`^collm-nas: event ${nextChain(at + 1)}: `));
  });

  test("one that is no event any more: exit 5 and the line", async () => {
    const broken = lines.with(10, (lines[10] as string).replace('"type":', '"typ":'));
    const { code, stderr } = await replayOf(broken);
    expect(code).toBe(5);
    expect(stderr).toContain("journal.jsonl, line 11: ");
  });

  /** Every place of the record where a digit or a letter may be another one, times left out. */
  const places = lines.flatMap((line, index) => {
    const [before = "", at = ""] = /^\{"v":\d+,"seq":\d+,("at":"[^"]*")/.exec(line) ?? [];
    const from = before.length - at.length;
    return line
      .split("")
      .flatMap((character, column) =>
        (column < from || column >= before.length) && /[0-9A-Za-z]/.test(character)
          ? [{ index, column }]
          : [],
      );
  });

  function flipped(line: string, column: number, by: number): string {
    const old = line[column] as string;
    const alphabet = /[0-9]/.test(old)
      ? "0123456789"
      : old.toLowerCase() === old
        ? lower
        : lower.toUpperCase();
    const size = alphabet.length;
    const character = alphabet[(alphabet.indexOf(old) + 1 + (by % (size - 1))) % size] as string;
    return `${line.slice(0, column)}${character}${line.slice(column + 1)}`;
  }

  test("by any one digit or letter: exit 6 and an event, or exit 5 and a line", async () => {
    expect(places.length).toBeGreaterThan(10_000);
    const anyPlace = fc.nat(places.length - 1).map((at) => places[at] as (typeof places)[number]);
    const property = fc.asyncProperty(anyPlace, fc.nat(100), async ({ index, column }, by) => {
      const line = lines[index] as string;
      const changed = flipped(line, column, by);
      fc.pre(!isSame(line, changed));
      const { code, stdout, stderr } = await replayOf(lines.with(index, changed));
      expect(stdout).toBe("");
      if (code === 5) expect(stderr).toMatch(/^collm-nas: (.*journal\.jsonl, line|event) \d+: [^\n]+\n$/);
      else {
        expect(code, changed).toBe(6);
        expect(stderr).toMatch(/^collm-nas: event \d+: [^\n]+\n$/);
      }
    });
    await fc.assert(property, { numRuns: 25 });
  });
});

const lower = "abcdefghijklmnopqrstuvwxyz";

/** Whether two lines say the same: a last digit beyond a number's precision changes nothing. */
function isSame(first: string, second: string): boolean {
  try {
    return JSON.stringify(JSON.parse(first)) === JSON.stringify(JSON.parse(second));
  } catch {
    return false;
  }
}
