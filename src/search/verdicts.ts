/**
 * Gives every candidate of a round its verdict: readable, legal, new, within the limits, within the budget.
 *
 * It judges from the state and the costs that it gets. It measures nothing.
 */
import type { MeasuredCost, Verdict } from "./events.ts";
import type { Architecture, Parsed } from "./architecture.ts";
import { isOverLimit } from "./results.ts";
import type { RunState } from "./state.ts";

/** The longest raw candidate that is recorded whole, in characters of JSON. */
const longestStoredRaw = 4_000;

/** The architectures among parsed candidates that the run has not judged before, each once. Their costs are needed. */
export function unseen(state: RunState, parsed: readonly Parsed[]): Architecture[] {
  const fresh = new Map<string, Architecture>();
  for (const each of parsed)
    if (each.ok && !state.visited.has(each.architecture.text))
      fresh.set(each.architecture.text, each.architecture);
  return [...fresh.values()];
}

/**
 * A verdict for each parsed candidate, in order.
 *
 * @param costs those of everything that `unseen` returns
 * @param allowance how many may be accepted
 */
export function judge(
  state: RunState,
  parsed: readonly Parsed[],
  costs: readonly MeasuredCost[],
  allowance: number,
): Verdict[] {
  const costOf = new Map(costs.map((measured) => [measured.text, measured]));
  const seen = new Set<string>();
  const firstOfKey = new Map<string, string>();
  let accepted = 0;
  return parsed.map((each): Verdict => {
    if (!each.ok) {
      const unreadable = each.rejections.some(({ code }) => code === "unreadable");
      return { kind: unreadable ? "unreadable" : "illegal", rejections: [...each.rejections] };
    }
    const { text } = each.architecture;
    const measured = costOf.get(text);
    if (measured === undefined || seen.has(text)) return { kind: "repeated", text };
    seen.add(text);
    const overLimit = isOverLimit(state, measured);
    if (overLimit && state.search.overLimit === "skip") return { kind: "over-limit", measured };
    const twin = twinOf(state, measured) ?? firstOfKey.get(measured.equivalenceKey) ?? null;
    if (twin !== null && state.search.equivalent === "skip") return { kind: "equivalent", measured, twin };
    if (accepted >= allowance) return { kind: "beyond-budget", measured };
    accepted += 1;
    if (measured.equivalenceKey !== "" && twin === null) firstOfKey.set(measured.equivalenceKey, text);
    return { kind: "accepted", measured, overLimit, twin };
  });
}

/** A raw candidate, cut to a size that fits into a record. */
export function storable(raw: unknown): unknown {
  let json: string;
  try {
    json = JSON.stringify(raw) ?? "null";
  } catch {
    return "nested too deeply to be recorded";
  }
  return json.length > longestStoredRaw
    ? `${json.slice(0, longestStoredRaw)}…`
    : (JSON.parse(json) as unknown);
}

// --- internal ---

/** An earlier architecture that computes the same function and did not fail. */
function twinOf(state: RunState, { equivalenceKey }: MeasuredCost): string | null {
  return equivalenceKey === "" ? null : (state.firstOfKey.get(equivalenceKey) ?? null);
}
