/** What the page of a run says of each candidate. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { alikeIn, candidateWords, improvers, keyOf } from "../../src/dashboard/page/candidate-words.ts";
import { type EventBody, formatVersion, type Verdict } from "../../src/search/events.ts";
import { fold } from "../../src/search/fold.ts";
import type { Candidate, RunState } from "../../src/search/state.ts";
import { runStarted } from "../support/run-events.ts";
import { reportedRun } from "../support/reported-runs.ts";

/** A run whose first round has these candidates, the first of them evaluated. */
function runOf(verdicts: readonly Verdict[], raw: unknown = {}, limits = {}): RunState {
  const first = runStarted();
  const bodies: EventBody[] = [
    { ...first, search: { ...first.search, limits } },
    { type: "round-proposed", round: 1, candidates: verdicts.map((verdict) => ({ raw, verdict })) },
  ];
  if (verdicts[0]?.kind === "accepted")
    bodies.push({
      type: "architecture-measured",
      round: 1,
      candidate: 0,
      text: verdicts[0].measured.text,
      outcome: { kind: "measurement", metrics: { accuracy: 90 }, seconds: 1 },
    });
  return fold(
    bodies.map((body, at) => ({ v: formatVersion, seq: at + 1, at: "2026-01-01T00:00:00Z", ...body })),
  ) as RunState;
}

const measured = (text: string, flops = 50) => ({ text, costs: { flops_m: flops }, equivalenceKey: "" });
const accepted = (text: string, more: Partial<Extract<Verdict, { kind: "accepted" }>> = {}): Verdict => ({
  kind: "accepted",
  measured: measured(text),
  overLimit: false,
  twin: null,
  ...more,
});
const candidateAt = (state: RunState, index: number) => state.rounds[0]?.candidates[index] as Candidate;

test("a rejected one shows what was proposed, and every reason with its code", () => {
  const state = runOf(
    [
      {
        kind: "illegal",
        rejections: [
          { code: "missing-dimension", place: "width", sentence: '"width" is missing' },
          {
            code: "not-a-choice",
            place: "op[0]",
            sentence: '"op[0]" is "<img>"; choices are none, skip, conv',
          },
        ],
      },
    ],
    { op: ["<img>", "skip"] },
  );
  const words = candidateWords(state, candidateAt(state, 0));
  expect(words).toMatchObject({
    text: '{"op":["<img>","skip"]}',
    fate: "illegal",
    value: null,
  });
  expect(words.reasons.map(({ code }) => code)).toEqual(["missing-dimension", "not-a-choice"]);
});

test("a repeated one says where it was proposed first and what that cost", () => {
  const state = runOf([accepted("a"), { kind: "repeated", text: "a" }]);
  const words = candidateWords(state, candidateAt(state, 1));
  expect(words.fate).toBe("repeated");
  expect(words.reasons).toEqual([{ code: null, sentence: "Proposed before: round 1, candidate 1." }]);
  expect(words.costs).toEqual({ flops_m: 50 });
});

test("one over the limit says by which cost", () => {
  const state = runOf([{ kind: "over-limit", measured: measured("b", 120) }], {}, { flops_m: 100 });
  expect(candidateWords(state, candidateAt(state, 0)).reasons).toEqual([
    { code: null, sentence: "flops_m is 120, at most 100 is allowed." },
  ]);
});

test("an equivalent one has its twin's value and names it", () => {
  const state = runOf([accepted("a"), { kind: "equivalent", measured: measured("b"), twin: "a" }]);
  const words = candidateWords(state, candidateAt(state, 1));
  expect(words.value).toBe(90);
  expect(words.reasons[0]?.sentence).toContain("same function as a");
});

test("one that waits for its evaluation has no value yet", () => {
  const state = runOf([accepted("a"), accepted("b")]);
  expect(candidateWords(state, candidateAt(state, 1))).toMatchObject({
    fate: "to be evaluated",
    value: null,
  });
});

test("architectures are shown under the names they are translated into, rejected text is not translated", () => {
  const state = runOf([accepted("a"), { kind: "unreadable", rejections: [] }], "a");
  const open = (text: string) => `open ${text}`;
  expect(candidateWords(state, candidateAt(state, 0), open).text).toBe("open a");
  expect(candidateWords(state, candidateAt(state, 1), open).text).toBe("a");
});

test("marked as better are those that beat all before them, within the limits alone", () => {
  const { state } = reportedRun([80, 79, 85, null, 99, 86, 86], {
    flops: [10, 10, 10, 10, 500, 10, 10],
    search: { limits: { flops_m: 100 }, overLimit: "evaluate" },
  });
  const better = improvers(state);
  const found = state.rounds
    .flatMap(({ candidates }) => candidates)
    .filter((each) => better.has(keyOf(each)));
  expect(found.map(({ raw }) => raw)).toEqual([0, 2, 5]);
});

test("those of which the same is to say are one from four on, and what was or is to be evaluated is not among them", () => {
  const beyond = (text: string): Verdict => ({ kind: "beyond-budget", measured: measured(text) });
  const over = (text: string): Verdict => ({ kind: "over-limit", measured: measured(text, 121) });
  const verdicts = fc.array(
    fc.constantFrom<(text: string) => Verdict>(accepted, beyond, over, (text) => ({
      kind: "repeated",
      text,
    })),
    { minLength: 1, maxLength: 24 },
  );
  fc.assert(
    fc.property(verdicts, (made) => {
      const state = runOf(
        made.map((make, at) => make(`a${at}`)),
        {},
        { flops_m: 120 },
      );
      const candidates = state.rounds[0]?.candidates ?? [];
      const { single, alike } = alikeIn(candidates, (candidate) => candidateWords(state, candidate));
      const all = [...single, ...alike.flatMap(({ candidates: own }) => own)];
      expect(all.toSorted((one, other) => one.index - other.index)).toEqual(candidates);
      expect(single).toEqual(single.toSorted((one, other) => one.index - other.index));
      for (const { fate, reason, candidates: own } of alike) {
        expect(own.length).toBeGreaterThanOrEqual(4);
        for (const candidate of own) {
          expect(candidate.verdict.kind).not.toBe("accepted");
          expect(candidateWords(state, candidate)).toMatchObject({ fate, reasons: [{ sentence: reason }] });
        }
      }
      const beyonds = candidates.filter(({ verdict }) => verdict.kind === "beyond-budget");
      expect(alike.some(({ candidates: own }) => own[0]?.verdict.kind === "beyond-budget")).toBe(
        beyonds.length >= 4,
      );
    }),
  );
});
