/**
 * A whole search with a real language model in this process: `COLLM_TEST_GGUF=PATH npx vitest run real-model` prints
 * its funnel and its pace. Says nothing of how well the model searches, only that everything between it and the
 * evaluator holds. Without the variable it is skipped.
 */
import { basename, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { evaluator, events, json, newRun, temporaryFile } from "../support/cli.ts";
import { withoutLlama } from "../support/random-gguf.ts";

const path = process.env["COLLM_TEST_GGUF"] ?? "";
const missing = path === "" ? "skipped: name a GGUF file in COLLM_TEST_GGUF" : await withoutLlama();
if (missing !== null) console.warn(`a search with a real model: ${missing}`);

/** A model of half a billion parameters takes minutes on one thread. */
const patienceMs = 30 * 60_000;

describe.skipIf(missing !== null)(missing ?? `a search with ${basename(path)}`, () => {
  test("spends its budget on architectures of the space", { timeout: patienceMs }, async () => {
    const run = newRun();
    const file = temporaryFile(
      "search.yaml",
      `space: analognas-baseline
budget: 30
rounds: 5
candidates: {min: 5, max: 10}
model:
  name: ${JSON.stringify(`gguf:${resolve(path)}`)}
  maxTokens: 1500
  roles: {navigator: {maxTokens: 500}}
`,
    );
    const begin = performance.now();
    const summary = await json(["run", file, "--evaluator", evaluator.address, "--out", run]);
    const seconds = (performance.now() - begin) / 1_000;
    const replies = events(run).flatMap((event) => (event.type === "chat-replied" ? [event.reply] : []));
    const pace = (isFormed: boolean) => {
      const counted = replies.filter(({ outputMode }) => (outputMode === "json-schema") === isFormed);
      const sum = (of: (reply: (typeof replies)[number]) => number | null) =>
        counted.reduce((total, reply) => total + (of(reply) ?? 0), 0);
      const took = sum((reply) => reply.seconds);
      return {
        replies: counted.length,
        inputTokens: sum(({ inputTokens }) => inputTokens),
        cachedTokens: sum(({ cachedTokens }) => cachedTokens ?? 0),
        outputTokens: sum(({ outputTokens }) => outputTokens),
        seconds: Math.round(took),
      };
    };
    const { funnel, best, stopReason } = summary;
    const told = {
      seconds: Math.round(seconds),
      stopReason,
      funnel,
      best,
      free: pace(false),
      underGrammar: pace(true),
    };
    console.log(JSON.stringify(told, null, 2));
    expect(funnel.unreadable + funnel.illegal).toBe(0);
    expect(funnel.evaluated).toBeGreaterThan(0);
  });
});
