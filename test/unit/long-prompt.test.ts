/** One long prompt, and what its count and its answer tell of the server. */
import { describe, expect, it } from "vitest";
import { longPrompt, longPromptBytes, readingOf } from "../../src/app/long-prompt.ts";
import { randomStream } from "../../src/search/random.ts";
import { bytesOf } from "../../src/search/conversation.ts";
import { vectorSpaces } from "../support/vector-spaces.ts";

const word = "amber-1234";
const silent = { content: "Hello!", reasoning: null };

describe("a long prompt", () => {
  it.each([...vectorSpaces])(
    "of %s is a conversation of the length wanted, its word at the beginning",
    (_, space) => {
      const messages = longPrompt(space, 32_000, word, randomStream(1, "long"));
      expect(bytesOf(messages)).toBeGreaterThanOrEqual(32_000);
      expect(bytesOf(messages.slice(0, -4))).toBeLessThan(32_000);
      expect(messages.map(({ role }) => role).slice(0, 4)).toEqual(["system", "user", "assistant", "user"]);
      expect(messages.slice(2).some(({ content }) => content.includes(word))).toBe(false);
    },
  );

  it("has room in the window beside a reply, or is not sent", () => {
    expect(longPromptBytes(null, null)).toBe(32_000);
    expect(longPromptBytes(128_000, 4_000)).toBe(32_000);
    for (const [window, reply] of [
      [8_192, 1_000],
      [16_000, null],
      [12_000, 7_000],
    ] as const)
      expect((longPromptBytes(window, reply) ?? 0) / 2 + (reply ?? window / 4)).toBeLessThanOrEqual(window);
    expect(longPromptBytes(4_096, 1_000)).toBeNull();
    expect(longPromptBytes(4_096, 8_000)).toBeNull();
  });
});

describe("what comes of it", () => {
  const first = { bytes: 3_600, tokens: 900 };
  const judged = (tokens: number | null, before: typeof first | { bytes: number; tokens: null } = first) =>
    readingOf({ bytes: 32_000, tokens }, before, silent, word);

  it.each([
    ["the counts of contexts that servers have of themselves", [1_026, 2_048, 4_096], "cut"],
    ["the counts of any tokens that there are", [8_000, 11_000, 16_000], "whole"],
    ["a count between", [6_500], "unknown"],
    ["no count", [null], "unknown"],
  ] as const)("is judged by %s", (_, counts, verdict) => {
    for (const tokens of counts) expect(judged(tokens)).toBe(verdict);
  });

  it("is not judged by counts that stand for nothing", () => {
    for (const tokens of [0, 11]) expect(judged(tokens, { bytes: 3_600, tokens })).toBe("unknown");
    expect(judged(2_048, { bytes: 3_600, tokens: null })).toBe("unknown");
  });

  it("is whole where the word came back, whatever was counted", () => {
    for (const said of [
      { content: `It is ${word}.`, reasoning: null },
      { content: "", reasoning: `The word was ${word}` },
    ])
      expect(readingOf({ bytes: 32_000, tokens: 900 }, first, said, word)).toBe("whole");
  });

  it("is the same behind a server's long text of its own", () => {
    expect(judged(3_000 + 9_000, { bytes: 3_600, tokens: 3_900 })).toBe("whole");
    expect(judged(4_096, { bytes: 3_600, tokens: 3_900 })).toBe("cut");
  });
});
