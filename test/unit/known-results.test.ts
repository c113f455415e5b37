/** What a file or a run folder of known results may hold, and what is refused, with its place. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { knownEvents } from "../../src/app/known.ts";
import { UsageError } from "../../src/errors.ts";
import { createRun } from "../../src/runs/journal.ts";
import { readKnownResults, recordedKnown } from "../../src/runs/known-results.ts";
import { BlindEvaluator, blindSpace, hide } from "../../src/search/blind.ts";
import { runSearch } from "../../src/search/coordinator.ts";
import { Space } from "../../src/search/space.ts";
import type { SpaceDescription } from "../../src/search/space-description.ts";
import { readNamedWithin, TooLarge } from "../../src/system/regular-file.ts";
import { configFiles } from "../support/config-files.ts";
import { StillClock, started } from "../support/core-ports.ts";
import { MemoryEvaluator } from "../support/memory-evaluator.ts";
import { scriptedSearcher } from "../support/scripted-searcher.ts";
import { tinyBest, tinyDescription, tinyScore, tinySpace } from "../support/tiny-space.ts";

const { folder } = configFiles();
const space = tinySpace();
const other = '{"depth":[1,1],"width":[16,null,24,null]}';
const two = [
  { text: tinyBest, metrics: { accuracy: 71.5 } },
  { text: other, metrics: { accuracy: 60 } },
];

let files = 0;
function fileOf(text: string | Uint8Array): string {
  const path = join(folder, `known-${files++}`);
  writeFileSync(path, text);
  return path;
}
const read = (text: string | Uint8Array, description: SpaceDescription = tinyDescription) =>
  readKnownResults(fileOf(text), description);

describe("a file of results", () => {
  const best = JSON.parse(tinyBest) as object;
  it.each([
    [
      "JSON lines",
      `${JSON.stringify({ architecture: best, accuracy: 71.5 })}\n\n{"accuracy": 60, "architecture": ${JSON.stringify(other)}}\n`,
    ],
    [
      "a list",
      JSON.stringify([
        { architecture: tinyBest, metrics: { accuracy: 71.5 } },
        { depth: [1, 1], width: [16, 16, 24, 24], metrics: { accuracy: 60 }, epoch: 3 },
      ]),
    ],
    [
      "CSV",
      `architecture,accuracy,notes\n"${tinyBest.replaceAll('"', '""')}",71.5,"two\nlines"\n"${other.replaceAll('"', '""')}",6e1,\n`,
    ],
    [
      "CSV by dimension",
      `\uFEFFdepth,width,accuracy\r\n"[2, 1]","[24, 32, 32, null]",71.5\r\n"[1, 1]","[[16, 16], [24, 24]]",60\r\n`,
    ],
    [
      "the same result twice",
      `{"architecture": ${tinyBest}, "accuracy": 71.5}\n{"architecture": ${other}, "accuracy": 60}\n{"architecture": ${tinyBest}, "accuracy": 71.5}`,
    ],
  ])("may be %s", async (_, text) => {
    expect((await read(text)).results).toEqual(two);
  });

  it("says where its results come from, and of which content a record begins with them", async () => {
    const [first, again, turned] = await Promise.all(
      [two, two, two.toReversed()].map((rows) =>
        read(rows.map(({ text, metrics }) => JSON.stringify({ architecture: text, metrics })).join("\n")),
      ),
    );
    if (first === undefined || again === undefined || turned === undefined)
      throw new Error("nothing was read");
    expect(first.source).toMatch(/^the file known-\d+$/);
    expect(recordedKnown(first)).toEqual(recordedKnown(again));
    expect(recordedKnown(first).count).toBe(2);
    // Searchers see them in order.
    expect(recordedKnown(turned).digest).not.toBe(recordedKnown(first).digest);
  });

  const good = `{"architecture": ${tinyBest}, "accuracy": 71.5}`;
  const refused: readonly (readonly [text: string | Uint8Array, words: string])[] = [
    ["", "is empty"],
    ["[]", "holds no result"],
    ["architecture,accuracy\n", "holds no result"],
    [
      `${good}\n{"architecture": {"depth": [3, 1], "width": [16]}, "accuracy": 1}`,
      "line 2: no architecture of tiny",
    ],
    [`[${good}, {"architecture": "|conv~0|", "accuracy": 1}]`, "entry 2: no architecture of tiny"],
    [
      `${good}\n{"architecture": ${other}, "acuracy": 1}`,
      'line 2: the metric accuracy is missing; did you mean "acuracy"?',
    ],
    [`${good}\n{"architecture": ${other}, "metrics": null}`, "line 2: the metric accuracy is missing"],
    [`{"architecture": ${other}, "accuracy": NaN}`, "line 1: no JSON"],
    [`{"architecture": ${other}, "accuracy": null}`, "accuracy is null, and has to be a finite number"],
    [`{"architecture": ${other}, "accuracy": 1e999}`, "has to be a finite number"],
    [`architecture,accuracy\n"${other.replaceAll('"', '""')}",nan`, 'line 2: accuracy is "nan"'],
    [`architecture,accuracy\n"${other.replaceAll('"', '""')}",0x10`, "has to be a finite number"],
    [`{"architecture": ${other}, "accuracy": 101}`, "out of range for a percentage"],
    [`{"arch": ${other}, "accuracy": 50}`, 'line 1: no architecture; give it as "architecture"'],
    [`${good}\n\n{"architecture": ${tinyBest}, "accuracy": 71.4}`, "accuracy 71.4, and 71.5 in line 1"],
    [`${good}\n[1]`, "line 2: a list is no object"],
    ["architecture,accuracy\n1,2,3", "no CSV"],
    ["accuracy,accuracy\n1,2", 'two columns are called "accuracy"'],
    ['depth,width,accuracy\n"[2,","[16]",3', "line 2: no JSON"],
    [Uint8Array.of(0x7b, 0xff, 0xfe), "is not UTF-8"],
  ];

  it.each(refused.map(([text, words]) => ({ text, words })))(
    "is refused: $words",
    async ({ text, words }) => {
      const reading = read(text);
      await expect(reading).rejects.toThrow(UsageError);
      await expect(reading).rejects.toThrow(words);
      await expect(reading).rejects.toThrow(/^known: /);
    },
  );

  it("cannot speak to a terminal", async () => {
    const refused = await read(`{"architecture": ${other}, "accuracy": "\\u001b[2J\\u202e"}`).catch(String);
    expect(refused).toContain("has to be a finite number");
    expect(refused).not.toContain("\u001b");
    expect(refused).not.toContain("\u202e");
    const unknown = await read('{"architecture": {"\\u001b[2J": 1}, "accuracy": 1}').catch(String);
    expect(unknown).not.toContain("\u001b");
  });

  it("is bounded in size and number", async () => {
    const row = '{"architecture": 1}';
    await expect(read(`[${Array.from({ length: 100_001 }, () => row).join(",")}]`)).rejects.toThrow(
      "more than 100000 results",
    );
    const path = fileOf("12345");
    await expect(readNamedWithin(path, 4)).rejects.toThrow(TooLarge);
    expect((await readNamedWithin(path, 5)).toString()).toBe("12345");
  });

  it("has to be there, and a file or a folder of a run", async () => {
    await expect(readKnownResults(join(folder, "nowhere"), tinyDescription)).rejects.toThrow(
      "there is no such file or folder",
    );
    await expect(readKnownResults("/dev/null", tinyDescription)).rejects.toThrow("it is a device");
    mkdirSync(join(folder, "empty"));
    await expect(readKnownResults(join(folder, "empty"), tinyDescription)).rejects.toThrow("holds no run");
  });
});

describe("the folder of a run", () => {
  const failing = [...space.all()][5]?.text as string;
  const proposed = [tinyBest, failing, other];

  async function recorded(description: SpaceDescription, isBlind = false): Promise<string> {
    const path = join(folder, `run-${files++}`);
    const seen = isBlind ? blindSpace(description, 0) : description;
    const own = isBlind ? hide(description, 0) : (text: string) => text;
    const measuring = new MemoryEvaluator({
      description,
      score: (architecture) =>
        architecture.text === failing
          ? { kind: "failure", failure: "crashed", message: "" }
          : architecture.text === other
            ? tinyScore(architecture, "search")
            : {
                kind: "measurement",
                metrics: { accuracy: tinyScore(architecture, "search") },
                seconds: 0,
                standardErrors: { accuracy: 0.5 },
              },
    });
    const clock = new StillClock();
    const journal = await createRun(path, clock);
    const begin = started({ rounds: 1 }, seen);
    const history = await journal.append([
      isBlind ? ({ ...begin, original: description } as typeof begin) : begin,
    ]);
    const evaluator = isBlind ? new BlindEvaluator(measuring, description, 0) : measuring;
    const searcher = scriptedSearcher(async () => proposed.map(own));
    await runSearch(
      history,
      { searcher, evaluator, models: null, journal, clock },
      new AbortController().signal,
    );
    await journal.close();
    return path;
  }

  it.each([
    ["open", false],
    ["blind", true],
  ])("gives what it measured, under the space's own names: %s", async (_, isBlind) => {
    const path = await recorded(tinyDescription, isBlind);
    const { source, results } = await readKnownResults(path, tinyDescription);
    expect(source).toMatch(/^the run run-\d+$/);
    const [first, second] = [tinyBest, other].map((text) => ({
      text,
      metrics: { accuracy: tinyScore(space.fromText(text), "search") },
    }));
    // The noise of a result goes with it, and is no part of what decides.
    expect(results).toEqual([{ ...first, standardErrors: { accuracy: 0.5 } }, second]);
    expect(Object.keys(results[1] ?? {})).not.toContain("standardErrors");
    const world = { space: tinyDescription, evaluator: new MemoryEvaluator() };
    const [event] = await knownEvents({ source, results }, world, 0, new AbortController().signal);
    expect(event?.results.map(({ standardErrors }) => standardErrors)).toEqual([
      { accuracy: 0.5 },
      undefined,
    ]);
    const silent = [first, second] as typeof results;
    expect(recordedKnown({ source, results })).toEqual(recordedKnown({ source, results: silent }));
  });

  it("is refused where it searched another space or other data, both named", async () => {
    const path = await recorded(tinyDescription);
    for (const changed of [{ id: "huge" }, { digest: "tiny-2" }]) {
      const reading = readKnownResults(path, { ...tinyDescription, ...changed });
      await expect(reading).rejects.toThrow("searched tiny (digest tiny-1), and this search is on");
      await expect(reading).rejects.toThrow(Object.values(changed)[0]);
    }
  });

  it("is refused where it measured nothing", async () => {
    const journal = await createRun(join(folder, "begun"), new StillClock());
    await journal.append([started()]);
    await journal.close();
    await expect(readKnownResults(join(folder, "begun"), tinyDescription)).rejects.toThrow(
      "has no measured result",
    );
  });
});

describe("the events that a record begins with", () => {
  const many = [...space.all()].map(({ text }) => ({ text: text as string, metrics: { accuracy: 50 } }));
  const signal = new AbortController().signal;

  it("have the costs that the evaluator gives, some hundred results each", async () => {
    const evaluator = new MemoryEvaluator();
    const results = Array.from({ length: 9 }, () => many)
      .flat()
      .slice(0, 1_201);
    const events = await knownEvents(
      { source: "s", results },
      { space: tinyDescription, evaluator },
      0,
      signal,
    );
    expect(events.map(({ results: each }) => each.length)).toEqual([500, 500, 201]);
    expect(events[0]?.results[0]?.measured.costs).toEqual({ flops_m: 16, params_m: 0.5 });
  });

  it("have the neutral names of a blind search", async () => {
    const seen = blindSpace(tinyDescription, 4);
    const evaluator = new BlindEvaluator(new MemoryEvaluator(), tinyDescription, 4);
    const [event] = await knownEvents(
      { source: "s", results: two },
      { space: seen, original: tinyDescription, evaluator },
      4,
      signal,
    );
    const texts = event?.results.map(({ measured }) => measured.text) ?? [];
    expect(texts.map((text) => new Space(seen).fromText(text).text)).toEqual(texts);
    expect(texts).toEqual(two.map(({ text }) => hide(tinyDescription, 4)(text)));
  });
});
