/**
 * Folders of runs to be looked at while they grow, and after: searched in memory, written as a run writes them.
 *
 * Owns the space of cells they are made in, how long a talkative model talks, and what is done to a record to damage it.
 * Every record is a real search's; a copy under another name and seed differs in its first line and its chain digests alone. Starts
 * no process.
 */
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runSearch } from "../../src/search/coordinator.ts";
import type { ChatReply, EventBody, RunEvent, SearchConfig } from "../../src/search/events.ts";
import type { ChatModel, Clock, Searcher } from "../../src/search/ports.ts";
import { HashChain } from "../../src/search/hash-chain.ts";
import type { Architecture } from "../../src/search/architecture.ts";
import type { SpaceDescription } from "../../src/search/space-description.ts";
import { searchers } from "../../src/searchers/registry.ts";
import { MemoryEvaluator } from "./memory-evaluator.ts";
import { MemoryJournal } from "./memory-journal.ts";
import { playedReply, playedRoles } from "./played-roles.ts";
import { runStarted } from "./run-events.ts";

// ----- Records -----

/** Six edges with five operations each, 15,625 cells, written in the usual string. */
const cellsDescription: SpaceDescription = {
  id: "cells",
  summary:
    "An architecture is one cell: four nodes with one operation on each of the six edges between them.",
  digest: "cells-1",
  dimensions: [
    {
      name: "op",
      meaning: "The operation on each edge of the cell.",
      choices: ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"],
      numeric: false,
      groups: [
        { name: "node 1", size: 1 },
        { name: "node 2", size: 2 },
        { name: "node 3", size: 3 },
      ],
      activeCount: "",
      slotNames: ["0 to 1", "0 to 2", "1 to 2", "0 to 3", "1 to 3", "2 to 3"],
    },
  ],
  template: "|{op[0]}~0|+|{op[1]}~0|{op[2]}~1|+|{op[3]}~0|{op[4]}~1|{op[5]}~2|",
  metrics: [
    {
      name: "accuracy",
      unit: "percent",
      meaning: "Share of images classified correctly.",
      higherIsBetter: true,
    },
  ],
  costs: [
    { name: "flops_m", unit: "million multiply-adds", meaning: "Multiply-adds for one image." },
    { name: "params_m", unit: "million parameters", meaning: "Weights." },
  ],
  splits: [{ name: "search", meaning: "Images held out from training." }],
  parallelism: 8,
  maxBatch: 1_000,
  provenance: "written by hand in test/support/live-runs.ts",
};

/** A cell for each of two stages: large enough that there is something new to the end. */
export const twoCellsDescription: SpaceDescription = {
  ...cellsDescription,
  id: "two-cells",
  summary: "An architecture is two cells, one a stage, each as six edges with one operation each.",
  digest: "two-cells-1",
  dimensions: cellsDescription.dimensions.map((dimension) => ({
    ...dimension,
    groups: ["stage 1", "stage 2"].map((name) => ({ name, size: 6 })),
    slotNames: [],
  })),
  template: "",
};

/** A model of a few thousand words a reply, thoughts included. What it proposes is drawn evenly. */
export const talkativeModel: ChatModel = {
  label: "talkative",
  reply: async (request): Promise<ChatReply> => {
    const reply = playedReply(request);
    return {
      model: "talkative",
      content: request.role === "navigator" ? `${reply}\n\n## Notes\n${prose(500)}` : reply,
      finishReason: "stop",
      failures: [],
      reasoning: prose(900),
      inputTokens: 4_000 + 150 * request.round,
      outputTokens: 2_400,
      reasoningTokens: 1_600,
      cachedTokens: 3_000,
      seconds: 21.5,
    };
  },
};

export interface RecordOptions {
  readonly searcher?: string;
  readonly search?: Partial<SearchConfig>;
  /** Who plays the roles, where the searcher asks any; null: nobody. */
  readonly model?: ChatModel | null;
  readonly space?: SpaceDescription;
  /** The time of the first event. */
  readonly begin?: Date;
}

/** The record of a whole search. */
export async function searchedRecord(options: RecordOptions = {}): Promise<readonly RunEvent[]> {
  const { searcher = "collm", search = {}, space = cellsDescription } = options;
  const model =
    options.model === undefined ? (searcher === "collm" ? playedRoles().navigator : null) : options.model;
  const clock = steppingClock(options.begin ?? new Date(Date.UTC(2026, 0, 1)));
  const journal = new MemoryJournal({ clock });
  const first = runStarted();
  await journal.append([
    {
      ...first,
      run: `${space.id}-${searcher}`,
      search: {
        ...first.search,
        searcher,
        budget: 100,
        candidates: { min: 10, max: 20 },
        stallRounds: 5,
        ...search,
      },
      ...labelOf(searcherCalled(searcher)),
      models: model === null ? null : { navigator: model.label, generator: model.label },
      space,
    },
  ]);
  const evaluator = new MemoryEvaluator({
    description: space,
    ...(space.dimensions[0]?.name === "op" ? { score: cellScore, costs: cellCosts } : {}),
  });
  const models = model === null ? null : { navigator: model, generator: model };
  await runSearch(
    [...journal.events],
    { searcher: searcherCalled(searcher), evaluator, models, journal, clock },
    new AbortController().signal,
  );
  return journal.events;
}

/** The same record as that of a run of another name, and of another seed where one is given, with chain digests of its own. */
export function renamed(events: readonly RunEvent[], run: string, seed?: number): readonly RunEvent[] {
  return rechained(
    events.map((event) =>
      event.type === "run-started"
        ? { ...event, run, search: { ...event.search, seed: seed ?? event.search.seed } }
        : event,
    ),
  );
}

/** The same events with the chain digests that their writer would have given them. */
export function rechained(events: readonly RunEvent[]): readonly RunEvent[] {
  const chain = new HashChain();
  return events.map((event) => {
    const chained = "chain" in event ? { ...event, chain: chain.of(event) } : event;
    chain.add(chained);
    return chained;
  });
}

/** The record up to where its first so many rounds are closed, and what comes after, stamped to follow. */
export function afterRounds(
  events: readonly RunEvent[],
  rounds: number,
  more: readonly EventBody[] = [],
): readonly RunEvent[] {
  const end = events.findIndex((event) => event.type === "round-closed" && event.round === rounds);
  const kept = events.slice(0, end + 1);
  return [...kept, ...stampedAfter(kept, more)];
}

/** Bodies as events that follow others. */
export function stampedAfter(events: readonly RunEvent[], bodies: readonly EventBody[]): readonly RunEvent[] {
  const last = events.at(-1);
  if (last === undefined) throw new Error("there is nothing to follow");
  return bodies.map((body, index) => ({ v: 1, seq: last.seq + index + 1, at: last.at, ...body }));
}

/** A record as the lines of a journal. */
export function linesOf(events: readonly RunEvent[]): string[] {
  return events.map((event) => JSON.stringify(event));
}

// ----- Folders -----

/** Writes a run's folder; returns it. */
export function writeRun(folder: string, events: readonly RunEvent[]): string {
  mkdirSync(folder, { recursive: true });
  writeFileSync(journalOf(folder), textOf(linesOf(events)));
  return folder;
}

/** Adds events to a run's journal as its writer would: whole lines at once. */
export function appendTo(folder: string, events: readonly RunEvent[]): void {
  appendFileSync(journalOf(folder), textOf(linesOf(events)));
}

/** A run with one line in the place of another. */
export function writeDamagedRun(folder: string, events: readonly RunEvent[], line: number): string {
  const lines = linesOf(events);
  lines[line - 1] = (lines[line - 1] ?? "").replace(`"seq":${line},`, `"seq":${line + 1},`);
  writeRun(folder, []);
  writeFileSync(journalOf(folder), textOf(lines));
  return folder;
}

/** A run whose last line was cut in the middle. */
export function writeTornRun(folder: string, events: readonly RunEvent[]): string {
  const text = textOf(linesOf(events));
  writeRun(folder, []);
  writeFileSync(journalOf(folder), text.slice(0, -Math.ceil((linesOf(events).at(-1) ?? "").length / 2)));
  return folder;
}

/** A folder of very many runs of about a hundred evaluations, made from a few searches; returns their ids. */
export async function writeManyRuns(folder: string, count: number): Promise<readonly string[]> {
  const bases: (readonly RunEvent[])[] = [];
  for (const [index, searcher] of ["collm", "random", "evolution", "local-search"].entries())
    bases.push(
      await searchedRecord({
        searcher,
        search: { seed: index, limits: index % 2 === 0 ? {} : { flops_m: 120 } },
        begin: new Date(Date.UTC(2026, 0, 1 + index)),
      }),
    );
  return Array.from({ length: count }, (_, index) => {
    const base = bases[index % bases.length] as readonly RunEvent[];
    const id = `run-${String(index).padStart(4, "0")}`;
    writeRun(join(folder, id), renamed(base, id, index));
    return id;
  });
}

/** The record of a run of so many evaluations, with replies of the size that thinking models give. */
export async function longRecord(evaluations: number): Promise<readonly RunEvent[]> {
  return await searchedRecord({
    model: talkativeModel,
    search: { budget: evaluations, rounds: evaluations, seed: 1 },
    space: twoCellsDescription,
  });
}

// --- internal ---

function labelOf({ label }: Searcher): { label?: string } {
  return label === undefined ? {} : { label };
}

function journalOf(folder: string): string {
  return join(folder, "journal.jsonl");
}

function textOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}

function searcherCalled(name: string): Searcher {
  const found = searchers.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no searcher "${name}"`);
  return found;
}

/** A clock that advances by a fifth of a second at each look, and never waits. */
function steppingClock(begin: Date): Clock {
  let steps = 0;
  const seconds = () => steps++ / 5;
  return {
    now: () => new Date(begin.getTime() + 1_000 * seconds()).toISOString(),
    seconds,
    sleep: () => Promise.resolve(),
  };
}

const worth = [0, 2.1, 3.4, 5.2, 1.1];

/** Convolutions help, most on the edges into the last node; no cell computes noise alone. */
function cellScore(architecture: Architecture): number {
  const choices = (architecture.choices[0] ?? []).map((choice) => choice ?? 0);
  const sum = choices.reduce((total, choice, edge) => total + (worth[choice] as number) * (1 + edge / 10), 0);
  const pairs = choices.reduce(
    (total, choice, edge) => total + (choice === choices[(edge + 1) % choices.length] ? 1 : 0),
    0,
  );
  const tie = choices.reduce((total, choice, edge) => total + choice / 5 ** (edge + 2), 0);
  return 94.5 - 60 / (1 + sum / (choices.length / 2)) - 0.35 * pairs + tie;
}

function cellCosts(architecture: Architecture): Record<string, number> {
  const choices = (architecture.choices[0] ?? []).map((choice) => choice ?? 0);
  const count = (wanted: number) => choices.filter((choice) => choice === wanted).length;
  const convolutions = count(2) + 9 * count(3);
  return { flops_m: 7.78 + 3.93 * convolutions, params_m: 0.073 + 0.028 * convolutions };
}

/** So many words in lines of a sentence each. */
function prose(words: number): string {
  const known =
    "the edges into the last node decide most of what was measured so far and the first one matters little here".split(
      " ",
    );
  return Array.from(
    { length: words },
    (_, index) => `${known[(index * 7) % known.length]}${index % 14 === 13 ? ".\n" : " "}`,
  ).join("");
}
