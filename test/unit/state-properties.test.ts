/** What holds of the state of any run: sums that add up, a best that is the best, a fold that can go on. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type EventBody,
  type Outcome,
  readEvent,
  type SearchConfig,
  type Verdict,
} from "../../src/search/events.ts";
import { spend } from "../../src/search/spend.ts";
import { fold, applyEvent } from "../../src/search/fold.ts";
import { funnel } from "../../src/search/funnel.ts";
import { budgetLeft, budgetSpent } from "../../src/search/progress.ts";
import { best, evaluations, resultOf, trace } from "../../src/search/results.ts";
import { facts, started } from "../support/core-ports.ts";
import {
  accepted,
  closed,
  cost,
  failure,
  folded,
  limit,
  measured,
  measurement,
  proposed,
  stamped,
} from "../support/short-events.ts";

/** What a random candidate becomes; architectures get names of their own as they come up. */
type Draft =
  | {
      readonly kind: "unreadable" | "illegal" | "repeated" | "beyond-budget" | "over-limit";
      readonly flops: number;
    }
  | { readonly kind: "accepted"; readonly flops: number; readonly outcome: Outcome | null }
  | { readonly kind: "equivalent"; readonly flops: number; readonly of: number };

const value = fc.integer({ min: 0, max: 8 }).map((each) => each * 12.5);

const flops = fc.integer({ min: 1, max: 60 });

const draft: fc.Arbitrary<Draft> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        "unreadable" as const,
        "illegal" as const,
        "repeated" as const,
        "beyond-budget" as const,
        "over-limit" as const,
      ),
      flops,
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("accepted" as const),
      flops,
      outcome: fc.oneof(
        { weight: 6, arbitrary: value.map((each) => measurement(each)) },
        fc.constant(failure),
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("equivalent" as const), flops, of: fc.nat({ max: 5 }) }),
  },
);

interface Story {
  /** One list of bodies a round: what was proposed, then measurements that may come in any order. */
  readonly rounds: readonly { readonly proposed: EventBody; readonly measured: readonly EventBody[] }[];
}

function told(drafts: readonly (readonly Draft[])[]): Story {
  const texts: string[] = [];
  return {
    rounds: drafts.map((round, index) => {
      const measurements: EventBody[] = [];
      const verdicts = round.map((each, candidate): Verdict => {
        const text = `architecture ${index}.${candidate}`;
        switch (each.kind) {
          case "unreadable":
          case "illegal":
            return { kind: each.kind, rejections: [{ code: "unreadable", place: "", sentence: "" }] };
          case "repeated":
            return { kind: "repeated", text: texts[0] ?? text };
          case "beyond-budget":
          case "over-limit":
            return { kind: each.kind, measured: cost(text, each.flops) };
          case "equivalent": {
            const twin = texts[each.of];
            if (twin === undefined) return { kind: "repeated", text };
            return { kind: "equivalent", measured: cost(text, each.flops), twin };
          }
          case "accepted":
            texts.push(text);
            if (each.outcome !== null) measurements.push(measured(index + 1, candidate, text, each.outcome));
            return accepted(text, each.flops);
        }
      });
      return { proposed: proposed(index + 1, ...verdicts), measured: measurements };
    }),
  };
}

const story = fc.array(fc.array(draft, { maxLength: 7 }), { maxLength: 6 }).map(told);

const search: Partial<SearchConfig> = { limits: { flops_m: limit }, overLimit: "evaluate", budget: 1_000 };

function recordOf(
  { rounds: each }: Story,
  order: (measured: readonly EventBody[]) => readonly EventBody[] = (list) => list,
): EventBody[] {
  return [
    started(search),
    ...each.flatMap((round, index) => [round.proposed, ...order(round.measured), closed(index + 1)]),
  ];
}

describe("over random records", () => {
  it("every event is one that a journal can hold", () => {
    fc.assert(
      fc.property(story, (each) => {
        for (const event of stamped(recordOf(each)))
          expect(readEvent(JSON.parse(JSON.stringify(event)))).toEqual({ ok: true, event });
      }),
      { numRuns: 30 },
    );
  });

  it("the funnel adds up, over the run and over its rounds", () => {
    fc.assert(
      fc.property(story, (each) => {
        const state = folded(recordOf(each));
        const {
          proposed: all,
          improved,
          overLimitEvaluated,
          equivalentEvaluated,
          storedEvaluated,
          ...states
        } = funnel(state);
        expect(Object.keys(states)).toHaveLength(8);
        expect(Object.values(states).reduce((sum, count) => sum + count, 0)).toBe(all);
        expect(all).toBe(state.rounds.reduce((sum, { candidates }) => sum + candidates.length, 0));
        expect(improved + overLimitEvaluated).toBeLessThanOrEqual(states.evaluated);
        expect([equivalentEvaluated, storedEvaluated]).toEqual([0, 0]);
        const byRound = state.rounds.map(({ round }) => funnel(state, round));
        for (const [name, total] of Object.entries(funnel(state))) {
          expect(byRound.reduce((sum, round) => sum + round[name as keyof typeof round], 0)).toBe(total);
        }
      }),
      { numRuns: 200 },
    );
  });

  it("what was spent is what was evaluated, failures included", () => {
    fc.assert(
      fc.property(story, (each) => {
        const state = folded(recordOf(each));
        const { evaluated, failed } = funnel(state);
        expect(budgetSpent(state)).toBe(each.rounds.flatMap((round) => round.measured).length);
        expect(budgetSpent(state)).toBe(evaluated + failed);
        expect(budgetLeft(state)).toBe(1_000 - budgetSpent(state));
        expect(trace(state)).toHaveLength(budgetSpent(state));
        expect(spend(state).evaluations).toBe(budgetSpent(state));
        expect(spend(state).evaluationSeconds).toBe(evaluated);
      }),
      { numRuns: 200 },
    );
  });

  it("the best is the first highest result within the limits, equivalents included", () => {
    fc.assert(
      fc.property(story, (each) => {
        const state = folded(recordOf(each));
        let expected: { text: string; value: number } | null = null;
        for (const candidate of state.rounds.flatMap(({ candidates }) => candidates)) {
          const outcome = resultOf(state, candidate);
          if (
            !("measured" in candidate.verdict) ||
            (candidate.verdict.measured.costs["flops_m"] ?? 0) > limit
          )
            continue;
          if (outcome?.kind !== "measurement") continue;
          const found = outcome.metrics["accuracy"] ?? -1;
          if (expected === null || found > expected.value)
            expected = { text: candidate.verdict.measured.text, value: found };
        }
        const { text, value: found } = best(state) ?? {};
        expect({ text, value: found }).toEqual(expected ?? {});
      }),
      { numRuns: 300 },
    );
  });

  it("the trace never gets worse, and improves as often as the funnel says", () => {
    fc.assert(
      fc.property(story, (each) => {
        const state = folded(recordOf(each));
        const values = trace(state).map((point) => point.value ?? -1);
        expect(values).toEqual(values.toSorted((first, second) => first - second));
        const steps = values.filter((point, index) => point > (values[index - 1] ?? -1)).length;
        expect(steps).toBe(funnel(state).improved);
        expect(trace(state).map(({ evaluation }) => evaluation)).toEqual(values.map((_, index) => index + 1));
        for (const point of trace(state)) expect(point.text === null).toBe(point.value === null);
      }),
      { numRuns: 200 },
    );
  });

  it("the order in which measurements arrive makes no difference", () => {
    const shuffled = story.chain((each) =>
      fc.tuple(
        fc.constant(each),
        fc.tuple(
          ...each.rounds.map((round) =>
            fc.shuffledSubarray([...round.measured], { minLength: round.measured.length }),
          ),
        ),
      ),
    );
    fc.assert(
      fc.property(shuffled, ([each, orders]) => {
        let round = 0;
        const [inOrder, arrived] = [
          folded(recordOf(each)),
          folded(recordOf(each, () => orders[round++] ?? [])),
        ];
        expect(facts(arrived)).toEqual(facts(inOrder));
        expect(evaluations(arrived)).toEqual(evaluations(inOrder));
        expect(trace(arrived)).toEqual(trace(inOrder));
        expect(best(arrived)).toEqual(best(inOrder));
        expect(funnel(arrived)).toEqual(funnel(inOrder));
      }),
      { numRuns: 200 },
    );
  });

  it("folding continues from any event as if it had not stopped", () => {
    fc.assert(
      fc.property(story, fc.nat(), (each, at) => {
        const events = stamped(recordOf(each));
        const cut = 1 + (at % events.length);
        let state = fold(events.slice(0, cut));
        for (const event of events.slice(cut)) state = applyEvent(state, event);
        expect(state).toEqual(fold(events));
      }),
      { numRuns: 100 },
    );
  });
});
