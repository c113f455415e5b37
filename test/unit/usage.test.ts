/** Tokens as servers report them: the largest reading that fits, so that nothing escapes a cap. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { countsOf, merged } from "../../src/models/usage.ts";

/** OpenAI's form of a report. */
function usage(prompt: unknown, completion: unknown, rest: object = {}): Record<string, unknown> {
  return { prompt_tokens: prompt, completion_tokens: completion, ...rest };
}
const reasoning = (reasoning_tokens: unknown) => ({ completion_tokens_details: { reasoning_tokens } });
const cached = (cached_tokens: unknown) => ({ prompt_tokens_details: { cached_tokens } });

describe("a report", () => {
  test.each<[string, unknown, (number | null)[]]>([
    // Input, output, and the parts of them that were cached and thought.
    ["OpenAI", usage(100, 60, { total_tokens: 160, ...cached(64), ...reasoning(40) }), [100, 60, 64, 40]],
    ["vLLM", usage(100, 60, { total_tokens: 160, prompt_tokens_details: null }), [100, 60, null, null]],
    ["xAI: thoughts beside", usage(279, 6, { total_tokens: 374, ...reasoning(89) }), [279, 95, null, 89]],
    ["fewer thoughts beside", usage(279, 90, { total_tokens: 374, ...reasoning(5) }), [279, 95, null, 5]],
    ["Gemini: a total that holds more", usage(21, 6, { total_tokens: 87 }), [21, 66, null, null]],
    ["thoughts beside, and no total", usage(279, 6, reasoning(89)), [279, 95, null, 89]],
    ["SGLang", usage(100, 60, { total_tokens: 160, reasoning_tokens: 40 }), [100, 60, null, 40]],
    [
      "DeepSeek",
      usage(100, 60, { prompt_cache_hit_tokens: 64, prompt_cache_miss_tokens: 36 }),
      [100, 60, 64, null],
    ],
    [
      "a prompt of misses alone",
      usage(36, 60, { prompt_cache_hit_tokens: 64, prompt_cache_miss_tokens: 36 }),
      [100, 60, 64, null],
    ],
    [
      "Anthropic: cached beside",
      { input_tokens: 10, output_tokens: 60, cache_read_input_tokens: 500 },
      [510, 60, 500, null],
    ],
    [
      "Anthropic: written to the cache, and read from it",
      {
        input_tokens: 10,
        output_tokens: 60,
        cache_read_input_tokens: 500,
        cache_creation_input_tokens: 2_000,
      },
      [2_510, 60, 500, null],
    ],
    [
      "a first prompt, all of it written to the cache",
      { input_tokens: 10, output_tokens: 60, cache_read_input_tokens: 0, cache_creation_input_tokens: 2_000 },
      [2_010, 60, 0, null],
    ],
    [
      "LiteLLM: the parts are in the prompt",
      usage(2_510, 60, {
        ...cached(500),
        cache_read_input_tokens: 500,
        cache_creation_input_tokens: 2_000,
      }),
      [2_510, 60, 500, null],
    ],
    ["a prompt that was all read before", usage(0, 60, cached(500)), [500, 60, 500, null]],
    ["more cached than there is", usage(100, 60, cached(164)), [264, 60, 164, null]],
    ["Moonshot", usage(100, 60, { cached_tokens: 64 }), [100, 60, 64, null]],
    ["a total that is too small", usage(100, 60, { total_tokens: 60 }), [100, 60, null, null]],
    ["no completion", { prompt_tokens: 100, total_tokens: 160 }, [100, 60, null, null]],
    ["no prompt", { completion_tokens: 60, total_tokens: 160 }, [100, 60, null, null]],
    ["a total alone", { total_tokens: 160 }, [null, null, null, null]],
    ["zeros", usage(0, 0, { total_tokens: 0 }), [null, null, null, null]],
    ["zeros and thoughts", usage(0, 0, reasoning(60)), [null, null, null, 60]],
    ["a zero that the total fills", usage(21, 0, { total_tokens: 81, ...reasoning(60) }), [21, 60, null, 60]],
    ["a zero for the prompt", usage(0, 60, { total_tokens: 160 }), [100, 60, null, null]],
    ["nothing", null, [null, null, null, null]],
    ["words", usage("100", "60", { total_tokens: "160" }), [null, null, null, null]],
  ])("is read as it is meant: %s", (_name, told, expected) => {
    const { inputTokens, outputTokens, cachedTokens, reasoningTokens } = countsOf(told, true, false);
    expect([inputTokens, outputTokens, cachedTokens, reasoningTokens]).toEqual(expected);
  });

  test.each<[string, boolean, boolean, unknown, number | null]>([
    ["an answer", true, false, usage(9, 0), null],
    ["thoughts", false, true, usage(9, 0), null],
    ["counted thoughts", false, true, usage(9, 0, reasoning(60)), 60],
    ["nothing", false, false, usage(9, 0), 0],
  ])("of no tokens beside %s", (_name, hasAnswer, hasThoughts, told, expected) => {
    expect(countsOf(told, hasAnswer, hasThoughts).outputTokens).toBe(expected);
  });

  const count = fc.option(fc.oneof(fc.nat(1_000), fc.nat(), fc.constant(Number.MAX_SAFE_INTEGER)));

  test("is never read as less than any of its numbers, and no part is larger than its whole", () => {
    fc.assert(
      fc.property(count, count, count, count, count, (prompt, completion, total, parts, thoughts) => {
        const told = usage(prompt, completion, {
          total_tokens: total,
          ...cached(parts),
          ...reasoning(thoughts),
        });
        const { inputTokens, outputTokens, cachedTokens, reasoningTokens } = countsOf(told, true, true);
        for (const each of [inputTokens, outputTokens, cachedTokens, reasoningTokens])
          expect(each === null || (Number.isSafeInteger(each) && each >= 0)).toBe(true);
        if (inputTokens !== null) {
          expect(inputTokens).toBeGreaterThanOrEqual(Math.max(prompt ?? 0, 1));
          if (prompt !== null && prompt > 0) expect(inputTokens).toBeGreaterThanOrEqual(parts ?? 0);
        }
        if (outputTokens === null) return;
        expect(outputTokens).toBeGreaterThanOrEqual(Math.max(completion ?? 0, 1));
        if (completion !== null && completion > 0) expect(outputTokens).toBeGreaterThanOrEqual(thoughts ?? 0);
        if (inputTokens !== null) expect(inputTokens + outputTokens).toBeGreaterThanOrEqual(total ?? 0);
      }),
    );
  });

  test("that adds up is read to the letter", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e6 }),
        fc.integer({ min: 1, max: 1e6 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (input, output, share) => {
          const parts = {
            cachedTokens: Math.floor(input * share),
            reasoningTokens: Math.floor(output * share),
          };
          const told = usage(input, output, {
            total_tokens: input + output,
            ...cached(parts.cachedTokens),
            ...reasoning(parts.reasoningTokens),
          });
          expect(countsOf(told, true, true)).toEqual({ inputTokens: input, outputTokens: output, ...parts });
        },
      ),
    );
  });
});

test("of several reports in a stream each number counts at its largest", () => {
  const reports = [
    undefined,
    { prompt_tokens: 20, completion_tokens: 1, prompt_tokens_details: null },
    { prompt_tokens: 0, completion_tokens: 5, ...cached(3), ...reasoning(4) },
    { completion_tokens: 3, ...cached(1) },
    {},
    null,
  ];
  expect(reports.reduce<unknown>(merged, undefined)).toEqual({
    prompt_tokens: 20,
    completion_tokens: 5,
    ...cached(3),
    ...reasoning(4),
  });
});
