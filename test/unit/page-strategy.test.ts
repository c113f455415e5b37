/** How a strategy differs from the one before it, as the page of a run shows it. */
import { expect, test } from "vitest";
import { fold } from "../../src/search/fold.ts";
import { type EventBody, formatVersion } from "../../src/search/events.ts";
import { roundsWithStrategy, strategyChange } from "../../src/dashboard/page/strategy-change.ts";
import { runStarted, strategySet } from "../support/run-events.ts";

const partsOf = (before: string, after: string, kind: "same" | "added" | "removed") =>
  strategyChange(before, after)
    .filter((piece) => piece.kind === kind)
    .map(({ text }) => text.trim())
    .filter((text) => text !== "");

test("words that are new are added, words that are gone removed, and the rest is neither", () => {
  const [before, after] = [
    "Prefer conv in slot 2, avoid pooling.",
    "Prefer skip in slot 2, avoid pooling at the end.",
  ];
  expect(partsOf(before, after, "removed")).toEqual(["conv"]);
  expect(partsOf(before, after, "added")).toEqual(["skip", "at the end"]);
});

test("either text can be put together again from the pieces, to the letter", () => {
  const [before, after] = [
    "## Summary\n  Two  blanks.\n\n- a 50%\n",
    "## Summary\n  Two blanks.\n- a 60%\n- b 40%\n<b>x</b>",
  ];
  const pieces = strategyChange(before, after);
  const without = (kind: string) =>
    pieces
      .filter((piece) => piece.kind !== kind)
      .map(({ text }) => text)
      .join("");
  expect(without("removed")).toBe(after);
  expect(without("added")).toBe(before);
});

test("the same text twice has no change", () => {
  expect(strategyChange("as it was", "as it was")).toEqual([{ kind: "same", text: "as it was" }]);
});

test("two very long texts with little in common do not keep a reader waiting, and lose nothing", () => {
  const long = (word: string) =>
    Array.from({ length: 40_000 }, (_, at) => `${word}${(at * 7_919) % 40_009}`).join(" ");
  const [before, after] = [long("a"), long("b")];
  const pieces = strategyChange(before, after);
  expect(
    pieces
      .filter(({ kind }) => kind !== "removed")
      .map(({ text }) => text)
      .join(""),
  ).toBe(after);
});

test("only rounds that set a strategy can be chosen", () => {
  const bodies: EventBody[] = [
    runStarted(),
    strategySet(1),
    { type: "round-proposed", round: 1, candidates: [] },
    { type: "round-closed", round: 1, chain: "" },
    { type: "round-proposed", round: 2, candidates: [] },
    { type: "round-closed", round: 2, chain: "" },
    strategySet(3),
  ];
  const state = fold(
    bodies.map((body, at) => ({ v: formatVersion, seq: at + 1, at: "2026-01-01T00:00:00Z", ...body })),
  );
  expect(state === null ? null : roundsWithStrategy(state)).toEqual([1, 3]);
});
