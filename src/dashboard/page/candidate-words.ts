/** Says in words what happened to a candidate, and finds the candidates that improved the best. */
import { verdictNames } from "../../report/words.ts";
import { errorOf } from "../../search/noise.ts";
import { bestKnown, isBetter, isKnown, resultOf, valueOf } from "../../search/results.ts";
import type { Candidate, RunState } from "../../search/state.ts";
import { outcomeWords } from "./event-words.ts";

/** A candidate as a row shows it. */
export interface CandidateWords {
  /** The architecture, or what was proposed in its place. */
  readonly text: string;
  /** What happened to it, in a word or two. */
  readonly fate: string;
  /** Why, a sentence each, with its code where it has one. */
  readonly reasons: readonly { readonly code: string | null; readonly sentence: string }[];
  readonly costs: Readonly<Record<string, number>>;
  /** The objective's value, its own or its twin's; null: none, or not yet. */
  readonly value: number | null;
  /** Its standard error; null: not known. */
  readonly error: number | null;
}

/** @param open translates an architecture into the names it is shown under */
export function candidateWords(
  state: RunState,
  candidate: Candidate,
  open: (text: string) => string = (text) => text,
): CandidateWords {
  const { verdict, raw } = candidate;
  const canonical = textOf(candidate);
  const outcome = resultOf(state, candidate);
  return {
    text: canonical === null ? rawText(raw) : open(canonical),
    fate: fateOf(candidate, outcome?.kind ?? null),
    reasons: reasonsOf(state, candidate, open),
    costs: "measured" in verdict ? verdict.measured.costs : costsOfText(state, canonical),
    value: valueOf(state, outcome),
    error: errorOf(state, outcome),
  };
}

/** The canonical text of what was proposed; null where it is no architecture. */
function textOf({ verdict }: Candidate): string | null {
  if ("measured" in verdict) return verdict.measured.text;
  return "text" in verdict ? verdict.text : null;
}

/** Names a candidate among all of a run. */
export function keyOf({ round, index }: Pick<Candidate, "round" | "index">): string {
  return `${round}-${index}`;
}

/** The candidates that were better than everything before them, within the limits, by `keyOf`. */
export function improvers(state: RunState): ReadonlySet<string> {
  const found = new Set<string>();
  let best: number | null = bestKnown(state)?.value ?? null;
  for (const { candidates } of state.rounds) {
    for (const candidate of candidates) {
      const { verdict } = candidate;
      const value = valueOf(state, candidate.outcome);
      if (value === null || verdict.kind !== "accepted" || verdict.overLimit) continue;
      if (!isBetter(state, value, best)) continue;
      best = value;
      found.add(keyOf(candidate));
    }
  }
  return found;
}

/** Candidates of which all that there is to say is the same, but for what was proposed. */
export interface Alike {
  readonly fate: string;
  readonly reason: string;
  readonly candidates: readonly Candidate[];
}

/** From this many on, candidates that are alike are shown as one row. */
const fewestAlike = 4;

/** The candidates of a round that have a row each, and those that share one. */
export function alikeIn(
  candidates: readonly Candidate[],
  wordsOf: (candidate: Candidate) => CandidateWords,
): { readonly single: readonly Candidate[]; readonly alike: readonly Alike[] } {
  const groups = new Map<string, { fate: string; reason: string; candidates: Candidate[] }>();
  for (const candidate of candidates) {
    // What was or is to be evaluated is what one looks for.
    if (candidate.verdict.kind === "accepted") continue;
    const { fate, reasons, value } = wordsOf(candidate);
    const [only, ...others] = reasons;
    if (only === undefined || others.length > 0 || value !== null) continue;
    const key = JSON.stringify([fate, only.sentence]);
    const group = groups.get(key) ?? { fate, reason: only.sentence, candidates: [] };
    group.candidates.push(candidate);
    groups.set(key, group);
  }
  const alike = [...groups.values()].filter(({ candidates: own }) => own.length >= fewestAlike);
  const grouped = new Set(alike.flatMap(({ candidates: own }) => own));
  return { single: candidates.filter((candidate) => !grouped.has(candidate)), alike };
}

// --- internal ---

function costsOfText(state: RunState, text: string | null): Readonly<Record<string, number>> {
  return (text === null ? undefined : state.costs.get(text)?.costs) ?? {};
}

function fateOf({ verdict }: Candidate, outcome: "measurement" | "failure" | null): string {
  if (verdict.kind !== "accepted") return verdictNames[verdict.kind];
  if (outcome === null) return "to be evaluated";
  if (outcome === "failure") return "failed";
  return verdict.overLimit ? "evaluated, over the limit" : "evaluated";
}

function reasonsOf(
  state: RunState,
  candidate: Candidate,
  open: (text: string) => string,
): CandidateWords["reasons"] {
  const { verdict } = candidate;
  const plain = (sentence: string) => [{ code: null, sentence }];
  switch (verdict.kind) {
    case "unreadable":
    case "illegal":
      return verdict.rejections.map(({ code, sentence }) => ({ code, sentence }));
    case "repeated":
      return plain(`${placeWords(state, verdict.text)}.`);
    case "over-limit":
      return plain(limitWords(state, verdict.measured.costs));
    case "equivalent":
      return plain(`Computes the same function as ${open(verdict.twin)}, whose result it shares.`);
    case "beyond-budget":
      return plain("Legal and new, but no evaluation was left for it.");
    case "accepted": {
      const { outcome } = candidate;
      return [
        ...(outcome?.kind === "failure" ? plain(`The evaluation ${outcomeWords(outcome)}.`) : []),
        ...(verdict.overLimit ? plain(limitWords(state, verdict.measured.costs)) : []),
        ...(verdict.twin === null ? [] : plain(`Computes the same function as ${open(verdict.twin)}.`)),
      ];
    }
  }
}

function placeWords(state: RunState, text: string): string {
  const first = state.visited.get(text);
  if (first !== undefined && isKnown(first)) return "Known before the search began";
  return first === undefined
    ? "Proposed before"
    : `Proposed before: round ${first.round}, candidate ${first.index + 1}`;
}

function limitWords(state: RunState, costs: Readonly<Record<string, number>>): string {
  const over = Object.entries(state.search.limits).flatMap(([name, limit]) => {
    const cost = costs[name];
    if (cost !== undefined && cost <= limit) return [];
    return [`${name} is ${cost === undefined ? "not known" : cost}, at most ${limit} is allowed`];
  });
  return over.length === 0 ? "Over a limit." : `${over.join("; ")}.`;
}

function rawText(raw: unknown): string {
  return typeof raw === "string" ? raw : (JSON.stringify(raw) ?? String(raw));
}
