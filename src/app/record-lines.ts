/**
 * Everything of a run that a program wants, as objects to be printed one a line (`show --lines`).
 *
 * First the run, then what was known before it, then round by round its strategy and its candidates, in the order proposed. What is not proposed by
 * anybody is left out: conversations, and costs that a searcher asked for. Every number is a selector's.
 */
import { resolve } from "node:path";
import { settingsOf } from "../report/run-settings.ts";
import { reveal } from "../search/blind.ts";
import { errorsOf } from "../search/noise.ts";
import { best, isKnown, isOverLimit, resultOf, trace, valueOf } from "../search/results.ts";
import { Space } from "../search/space.ts";
import type { Candidate, RunState } from "../search/state.ts";
import type { ShownRun } from "./show.ts";
import { summarize, withoutTrace } from "./summary.ts";

/** @param folder the run's */
export function* recordLines({ state, damage, worker }: ShownRun, folder: string): Generator<object> {
  const { search, startedAt, lastAt, versions } = state;
  const { searcher, seed, limits, budget } = search;
  const summary = withoutTrace(summarize(state, folder));
  yield {
    kind: "run",
    run: resolve(folder),
    status: damage === null ? summary.status : "damaged",
    damage: damage?.message ?? null,
    worker,
    startedAt,
    lastAt,
    searcher,
    seed,
    limits,
    budget,
    settings: settingsOf(state),
    // As the user knows it, also where the search was blind to its names.
    space: state.original ?? state.space,
    versions,
    summary,
  };
  const lineOf = candidateLines(state);
  for (const candidate of state.known) yield lineOf(candidate);
  for (const { round, strategy, candidates } of state.rounds) {
    if (strategy !== null) yield { kind: "strategy", round, text: strategy };
    for (const candidate of candidates) yield lineOf(candidate);
  }
}

// --- internal ---

/** What gives the line of each candidate. It must get them in order. */
function candidateLines(state: RunState): (candidate: Candidate) => object {
  const space = new Space(state.original ?? state.space);
  const original = state.original === undefined ? null : reveal(state.original, state.search.seed);
  const winner = best(state)?.candidate;
  const steps = trace(state).values();
  return (candidate) => {
    const { round, index, verdict } = candidate;
    const measured = "measured" in verdict ? verdict.measured : null;
    const text = measured?.text ?? ("text" in verdict ? verdict.text : null);
    const own = text === null || original === null ? text : original(text);
    const outcome = resultOf(state, candidate);
    const measurement = outcome?.kind === "measurement" ? outcome : null;
    const failure = outcome?.kind === "failure" ? outcome : null;
    // An evaluation of its own is a step of the trace. A result that is shared with an equivalent one is none.
    const known = isKnown(candidate);
    const step = known || candidate.outcome === null ? undefined : steps.next().value;
    const tested = measured?.text ?? "";
    const test = state.winnerTests.get(tested) ?? state.oracleTests.get(tested);
    return {
      kind: known ? "known" : "candidate",
      round,
      index,
      text,
      original: original === null ? null : own,
      architecture: own === null ? null : space.toObject(space.fromText(own)),
      verdict: verdict.kind,
      reasons: "rejections" in verdict ? verdict.rejections.map(({ sentence }) => sentence) : [],
      twin: "twin" in verdict ? verdict.twin : null,
      costs: measured?.costs ?? null,
      overLimit: measured !== null && isOverLimit(state, measured),
      value: valueOf(state, outcome),
      metrics: measurement?.metrics ?? null,
      standard_errors: errorsOf(outcome),
      seconds: verdict.kind === "equivalent" ? null : (measurement?.seconds ?? null),
      failure: failure === null ? null : { kind: failure.failure, message: failure.message },
      evaluation: step?.evaluation ?? null,
      bestSoFar: step?.value ?? null,
      isBest: candidate === winner,
      test: test?.kind === "measurement" ? test.metrics : null,
      test_standard_errors: errorsOf(test),
    };
  };
}
