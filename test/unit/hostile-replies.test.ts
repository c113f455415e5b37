/** Bad replies of every kind: what is read of them, and what is refused. */
import { describe, expect, it } from "vitest";
import { readArchitectures } from "../../src/searchers/generator.ts";
import { readSolo } from "../../src/searchers/solo.ts";
import { hostileReplies } from "../support/hostile-replies.ts";
import { judged, read, replied, spaces } from "../support/read-replies.ts";

describe.each(spaces)("a bad reply about the space %s", (_, space) => {
  const replies = hostileReplies(space);

  it("is one of sixty kinds and more", () => {
    expect(new Set(replies.map(({ name }) => name)).size).toBe(replies.length);
    expect(new Set(replies.map(({ text }) => text)).size).toBeGreaterThan(60);
  });

  it.each(replies.map((each) => [each.name, each] as const))(
    "of the kind: %s",
    (kind, { text, legal, refused }) => {
      const reading = readArchitectures(space)(replied(text));
      expect(reading.ok).toBe(legal.length + refused > 0);
      if (!reading.ok) expect(reading.reasons.join().length).toBeLessThan(1_000);
      const outcome = judged(space, reading.ok ? reading.value : []);
      expect(outcome.legal.map((each) => each.text)).toEqual(legal);
      expect(outcome.refused).toHaveLength(refused);
      for (const reasons of outcome.refused) expect(reasons.length).toBeGreaterThan(0);
      const alone = readSolo(space)(replied(text));
      // A solo's examples before its answer are none of its candidates, so it may read fewer, never others.
      const texts = judged(space, alone.ok ? alone.value.candidates : []).legal.map((each) => each.text);
      expect(texts, kind).toEqual(legal);
    },
  );

  it("leaves no trace on the objects of the program", () => {
    for (const { text } of replies) read(space, text);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });
});
