/**
 * What a run found: evaluations, the objective, the best architecture and the tests after the end.
 *
 * Selectors over the state of a run. Everything is ordered by round and candidate, and never by the time of its answer. What
 * closed rounds add up to is kept, so that a long run is not read again in every round.
 */
import { ContractViolation } from "../errors.ts";
import type { MeasuredCost, Outcome } from "./events.ts";
import type { Candidate, Round, RunState } from "./state.ts";

/** An architecture with its costs and its result: measured, or that of an equivalent one. */
export interface Evaluation {
  readonly candidate: Candidate;
  readonly measured: MeasuredCost;
  readonly overLimit: boolean;
  readonly outcome: Outcome;
}

/** Every finished evaluation of the run, failed ones included, by round and candidate. */
export function evaluations(state: RunState): Evaluation[] {
  return [...settledOf(state).evaluations, ...openEvaluations(state)];
}

/** The same in two parts: those of the closed rounds from the first one on, to which later ones are added, and the others. */
export function evaluationsByRound(state: RunState): {
  readonly settled: readonly Evaluation[];
  readonly open: readonly Evaluation[];
} {
  return { settled: settledOf(state).evaluations, open: openEvaluations(state) };
}

/** How many finished evaluations there are. */
export function evaluationCount(state: RunState): number {
  return settledOf(state).evaluations.length + openEvaluations(state).length;
}

/** Whether any evaluation gave a result. */
export function hasMeasured(state: RunState): boolean {
  return settledOf(state).hasMeasured || openEvaluations(state).some(isMeasurement);
}

/** How many rounds are closed. */
export function closedRounds(state: RunState): number {
  return settledOf(state).rounds + openRounds(state).filter(({ closed }) => closed).length;
}

/** The results that were known before the search began. They are no evaluations of the run. */
export function knownResults(state: RunState): Evaluation[] {
  return evaluationsAmong(state.known);
}

/** Everything that a searcher may learn from: what was known before the search began, then every finished evaluation. */
export function resultsSoFar(state: RunState): Evaluation[] {
  return [...knownResults(state), ...evaluations(state)];
}

/** The finished evaluations among some candidates, in their order. */
export function evaluationsAmong(candidates: readonly Candidate[]): Evaluation[] {
  return candidates.flatMap((candidate) => {
    const { verdict, outcome } = candidate;
    if (verdict.kind !== "accepted" || outcome === null) return [];
    return [{ candidate, measured: verdict.measured, overLimit: verdict.overLimit, outcome }];
  });
}

/** The objective value of a result, or null when there is none. */
export function valueOf(state: RunState, outcome: Outcome | null): number | null {
  if (outcome?.kind !== "measurement") return null;
  return outcome.metrics[objective(state).name] ?? null;
}

/** The metric that the search optimises: the first one of the space. */
export function objective(state: RunState): RunState["space"]["metrics"][number] {
  const metric = state.space.metrics[0];
  if (metric === undefined) throw new ContractViolation(`space ${state.space.id} has no metric`);
  return metric;
}

/** Whether objective value `value` is better than `than`. */
export function isBetter(state: RunState, value: number, than: number | null): boolean {
  if (than === null) return true;
  return objective(state).higherIsBetter ? value > than : value < than;
}

export interface Best {
  readonly text: string;
  readonly value: number;
  readonly candidate: Candidate;
  readonly measured: MeasuredCost;
  readonly outcome: Extract<Outcome, { kind: "measurement" }>;
}

/** The best architecture within every limit; the first one of equally good ones; null when there is none. */
export function best(state: RunState): Best | null {
  return betterAmong(state, openRounds(state), settledOf(state).best);
}

/** The best within the limits before the first evaluation, among what was known; null: nothing was. */
export function bestKnown(state: RunState): { readonly text: string; readonly value: number } | null {
  let found: { text: string; value: number } | null = null;
  for (const { measured, overLimit, outcome } of knownResults(state)) {
    const value = valueOf(state, outcome);
    if (value !== null && !overLimit && isBetter(state, value, found?.value ?? null))
      found = { text: measured.text, value };
  }
  return found;
}

/** Whether a result was known before the search began. */
export function isKnown({ round }: Pick<Candidate, "round">): boolean {
  return round === 0;
}

/**
 * The best within the limits after each evaluation of the run; text and value are null until there is one. It begins with
 * the best that was known.
 */
export function trace(state: RunState): { evaluation: number; text: string | null; value: number | null }[] {
  const begin = bestKnown(state);
  let text: string | null = begin?.text ?? null;
  let value: number | null = begin?.value ?? null;
  return evaluations(state).map(({ measured, overLimit, outcome }, index) => {
    const own = valueOf(state, outcome);
    if (own !== null && !overLimit && isBetter(state, own, value)) {
      value = own;
      text = measured.text;
    }
    return { evaluation: index + 1, text, value };
  });
}

/** The winner, when the space has a test split and the winner is not tested yet; else null. */
export function untestedWinner(state: RunState): string | null {
  const winner = best(state);
  return winner === null || !hasTest(state) || state.winnerTests.has(winner.text) ? null : winner.text;
}

/** Everything evaluated that the oracle must still test, in the order evaluated. */
export function untestedByOracle(state: RunState): string[] {
  if (state.search.oracle !== true || !hasTest(state)) return [];
  const texts = evaluations(state).flatMap(({ measured, outcome }) =>
    outcome.kind === "measurement" ? [measured.text] : [],
  );
  return [...new Set(texts)].filter((text) => !state.oracleTests.has(text));
}

/** Whether the search has ended by itself and every test after it has its answer. */
export function isComplete(state: RunState): boolean {
  return state.ended !== null && untestedWinner(state) === null && untestedByOracle(state).length === 0;
}

/** Whether the space has a test split. */
export function hasTest({ space }: Pick<RunState, "space">): boolean {
  return space.splits.some(({ name }) => name === "test");
}

/** Whether the space's test split uses the same images as the search, as far as its evaluator says. */
export function testsOnSearchImages({ space }: Pick<RunState, "space">): boolean {
  const dataOf = (split: string) => space.splits.find(({ name }) => name === split)?.data;
  return dataOf("test") !== undefined && dataOf("test") === dataOf("search");
}

/** A candidate's result: its own, or the one of the architecture it is equivalent to. */
export function resultOf(state: RunState, candidate: Candidate): Outcome | null {
  return candidate.verdict.kind === "equivalent"
    ? (state.visited.get(candidate.verdict.twin)?.outcome ?? null)
    : candidate.outcome;
}

/** Whether any cost exceeds its limit. */
export function isOverLimit(state: RunState, measured: MeasuredCost): boolean {
  return Object.entries(state.search.limits).some(
    ([name, limit]) => (measured.costs[name] ?? Number.POSITIVE_INFINITY) > limit,
  );
}

/** The largest excess over a limit, as a part of that limit; below 0 where no limit is exceeded. */
export function excessOf(state: RunState, costs: Readonly<Record<string, number>>): number {
  const excesses = Object.entries(state.search.limits).map(
    ([name, limit]) => ((costs[name] ?? 0) - limit) / (Math.abs(limit) || 1),
  );
  return Math.max(...excesses);
}

/** Whether anything within the limits was seen, evaluated or not. */
export function sawWithinLimit(state: RunState): boolean {
  for (const measured of state.costs.values()) if (!isOverLimit(state, measured)) return true;
  return false;
}

/** The smallest value seen of each limited cost, with the architecture it belongs to. */
export function smallestCosts(state: RunState): { name: string; limit: number; smallest: number | null }[] {
  return Object.entries(state.search.limits).map(([name, limit]) => {
    let smallest: number | null = null;
    for (const { costs } of state.costs.values()) {
      const cost = costs[name];
      if (cost !== undefined && (smallest === null || cost < smallest)) smallest = cost;
    }
    return { name, limit, smallest };
  });
}

// --- internal ---

/** What was known, and the closed rounds from the first one on, add up to; `evaluations` are those of the rounds. */
interface Settled {
  rounds: number;
  readonly evaluations: Evaluation[];
  hasMeasured: boolean;
  best: Best | null;
}

const settled = new WeakMap<RunState, Settled>();

/** A closed round does not change any more: it is read once. */
function settledOf(state: RunState): Settled {
  let sums = settled.get(state);
  if (sums === undefined) {
    sums = {
      rounds: 0,
      evaluations: [],
      hasMeasured: false,
      best: betterAmong(state, [{ candidates: state.known }], null),
    };
    // Before the first round, known results may still come.
    if (state.rounds.length > 0) settled.set(state, sums);
  }
  for (let next = state.rounds[sums.rounds]; next?.closed === true; next = state.rounds[sums.rounds]) {
    const found = evaluationsAmong(next.candidates);
    sums.evaluations.push(...found);
    sums.hasMeasured ||= found.some(isMeasurement);
    sums.best = betterAmong(state, [next], sums.best);
    sums.rounds += 1;
  }
  return sums;
}

/** The rounds that `settledOf` does not cover. */
function openRounds(state: RunState): Round[] {
  return state.rounds.slice(settledOf(state).rounds);
}

function openEvaluations(state: RunState): Evaluation[] {
  return openRounds(state).flatMap(({ candidates }) => evaluationsAmong(candidates));
}

function isMeasurement({ outcome }: Evaluation): boolean {
  return outcome.kind === "measurement";
}

/** The best of some rounds within the limits, where it is better than `before`. */
function betterAmong(
  state: RunState,
  rounds: readonly Pick<Round, "candidates">[],
  before: Best | null,
): Best | null {
  let found = before;
  for (const { candidate, measured, outcome } of results(state, rounds)) {
    const value = valueOf(state, outcome);
    if (value === null || outcome.kind !== "measurement" || !isBetter(state, value, found?.value ?? null))
      continue;
    found = { text: measured.text, value, candidate, measured, outcome };
  }
  return found;
}

/** Every result of some rounds within the limits: known, evaluated, or equivalent to one of these. */
function* results(state: RunState, rounds: readonly Pick<Round, "candidates">[]): Generator<Evaluation> {
  for (const { candidates } of rounds) {
    for (const candidate of candidates) {
      const { verdict } = candidate;
      const outcome = resultOf(state, candidate);
      if (outcome === null || !("measured" in verdict) || isOverLimit(state, verdict.measured)) continue;
      yield { candidate, measured: verdict.measured, overLimit: false, outcome };
    }
  }
}
