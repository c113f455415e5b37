/**
 * Runs that real searchers made in the tiny space, in memory, and studies of them.
 *
 * Owns how a run is made for a report; what is in it is up to the searcher.
 */
import type { Reference } from "../../src/report/bench-record.ts";
import { cohortsOf, type ReportedRun, type RunName, type Study } from "../../src/report/study.ts";
import { BlindEvaluator, blindSpace } from "../../src/search/blind.ts";
import { runSearch } from "../../src/search/coordinator.ts";
import type { SearchConfig } from "../../src/search/events.ts";
import type { Searcher } from "../../src/search/ports.ts";
import { fold } from "../../src/search/fold.ts";
import type { RunState } from "../../src/search/state.ts";
import { StillClock, started } from "./core-ports.ts";
import { MemoryEvaluator } from "./memory-evaluator.ts";
import { MemoryJournal } from "./memory-journal.ts";
import { playedRoles } from "./played-roles.ts";
import { tinyDescription } from "./tiny-space.ts";

/** Searches the tiny space to the end. */
export async function searchedRun(
  searcher: Searcher,
  search: Partial<SearchConfig> = {},
): Promise<ReportedRun> {
  const [clock, memory] = [new StillClock(), new MemoryEvaluator()];
  const seed = search.seed ?? 0;
  const isBlind = search.blind === true;
  const space = isBlind ? blindSpace(tinyDescription, seed) : tinyDescription;
  const isPlayed = searcher.name === "collm";
  const journal = new MemoryJournal({ clock });
  await journal.append([
    {
      ...(started({ searcher: searcher.name, ...search, seed }, space) as Extract<
        ReturnType<typeof started>,
        { type: "run-started" }
      >),
      ...(isBlind ? { original: tinyDescription } : {}),
      ...(searcher.label === undefined ? {} : { label: searcher.label }),
      models: isPlayed ? { navigator: "rules", generator: "rules" } : null,
    },
  ]);
  await runSearch(
    [...journal.events],
    {
      searcher,
      evaluator: isBlind ? new BlindEvaluator(memory, tinyDescription, seed) : memory,
      models: isPlayed ? playedRoles() : null,
      journal,
      clock,
    },
    new AbortController().signal,
  );
  return {
    folder: `runs/${searcher.name}${isBlind ? "-blind" : ""}/seed${seed}`,
    state: fold(journal.events) as RunState,
  };
}

export interface StudyParts {
  readonly named?: ReadonlyMap<string, RunName>;
  readonly references?: readonly Reference[];
  readonly title?: string;
  readonly command?: string;
  readonly unreadable?: Study["unreadable"];
}

/** A study of some runs. */
export function studyOf(runs: readonly ReportedRun[], parts: StudyParts = {}): Study {
  return {
    title: parts.title ?? "A study",
    cohorts: cohortsOf(runs, parts.named ?? new Map()),
    references: parts.references ?? [],
    unreadable: parts.unreadable ?? [],
    command: parts.command ?? "collm-nas report runs",
    program: "collm-nas",
    benches: [],
    madeAt: "2026-01-01T00:00:00.000Z",
    versions: { collmNas: "0.1.0" },
  };
}
