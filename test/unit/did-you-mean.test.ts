/** The nearest valid name: near enough to be meant, or nothing. */
import { expect, it } from "vitest";
import { didYouMean } from "../../src/text/did-you-mean.ts";

it.each([
  ["flop_m", ["flops_m", "params_m"], "flops_m"],
  ["buget", ["budget", "rounds"], "budget"],
  ["evolutio", ["random", "evolution", "local-search"], "evolution"],
])("is offered for %s", (word, valid, nearest) => {
  expect(didYouMean(word, valid)).toBe(`; did you mean "${nearest}"?`);
});

it.each([
  ["ks", ["op"]],
  ["d", ["r"]],
  ["latency", ["flops_m", "params_m"]],
  ["x", []],
])("is not offered for %s, which none of the names is like", (word, valid) => {
  expect(didYouMean(word, valid)).toBe("");
});
