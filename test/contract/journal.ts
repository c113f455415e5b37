/**
 * What every Journal promises, as one suite.
 *
 * Owns the promises of `Journal` in ports.ts. Knows no implementation: each is handed in by `make`.
 */
import { describe, expect, it, type TestContext } from "vitest";
import { bodyOf, type EventBody, formatVersion, type RunEvent } from "../../src/search/events.ts";
import type { Journal } from "../../src/search/ports.ts";
import { runStarted, strategySet } from "../support/run-events.ts";

export interface JournalUnderTest {
  readonly journal: Journal;
  /** Everything stored, as somebody else would read it now. */
  stored(): Promise<readonly RunEvent[]>;
  /** From here on nothing more can be stored; left out by a journal that cannot fail. */
  breakDown?(): void;
  dispose(): Promise<void>;
}

/** @param make an empty journal; called once a test. */
export function journalContract(name: string, make: () => Promise<JournalUnderTest>): void {
  describe(`${name}, as a Journal`, () => {
    const withJournal =
      (test: (subject: JournalUnderTest, context: TestContext) => Promise<void>) =>
      async (context: TestContext) => {
        const subject = await make();
        try {
          await test(subject, context);
        } finally {
          await subject.dispose();
        }
      };

    it(
      "stores what it is given, in order, before it resolves",
      withJournal(async ({ journal, stored }) => {
        const bodies = [runStarted(), strategySet(1), strategySet(2)];
        for (const [index, body] of bodies.entries()) {
          await journal.append([body]);
          expect((await stored()).map(bodyOf)).toEqual(bodies.slice(0, index + 1));
        }
      }),
    );

    it(
      "numbers events from 1 without gaps and stamps version and time",
      withJournal(async ({ journal, stored }) => {
        await journal.append([runStarted(), strategySet(1)]);
        await journal.append([]);
        await journal.append([strategySet(2)]);
        const events = await stored();
        expect(events.map(({ seq }) => seq)).toEqual([1, 2, 3]);
        for (const { v, at } of events) {
          expect(v).toBe(formatVersion);
          expect(new Date(at).toISOString()).toBe(at);
        }
        expect(events.map(({ at }) => at)).toEqual(events.map(({ at }) => at).toSorted());
      }),
    );

    it(
      "gives the events back as they are in the record",
      withJournal(async ({ journal, stored }) => {
        const awkward: EventBody[] = [
          runStarted({ setup: { "10": "ten", "2": "two", nothing: undefined, minus: -0, tiny: 5e-324 } }),
          strategySet(
            1,
            'two\nlines, a "quote", a \\, a tab\t, NUL \u0000, \u2028, é, 汉, 🙂, half of one: \ud83d',
          ),
          {
            type: "round-proposed",
            round: 1,
            candidates: [
              { raw: { deep: [1, [2, { x: null }]] }, verdict: { kind: "unreadable", rejections: [] } },
            ],
          },
        ];
        const returned = await journal.append(awkward);
        expect(returned.map(bodyOf)).toEqual(JSON.parse(JSON.stringify(awkward)));
        const events = await stored();
        expect(events).toEqual(returned);
        expect(JSON.stringify(events)).toBe(JSON.stringify(returned));
      }),
    );

    it(
      "keeps overlapping calls in the order they were made, each with its own events",
      withJournal(async ({ journal, stored }) => {
        await journal.append([runStarted()]);
        const settled: number[] = [];
        const calls = Array.from({ length: 20 }, async (_, call) => {
          const bodies = Array.from({ length: call % 4 }, (__, index) =>
            strategySet(call + 1, `${call}.${index}`),
          );
          const events = await journal.append(bodies);
          settled.push(call);
          expect(events.map(bodyOf)).toEqual(bodies);
          return events;
        });
        const returned = (await Promise.all(calls)).flat();
        expect(settled).toEqual(calls.map((_, call) => call));
        expect(returned.map(({ seq }) => seq)).toEqual(returned.map((_, index) => index + 2));
        expect((await stored()).slice(1)).toEqual(returned);
      }),
    );

    it(
      "takes a call made while another is being stored",
      withJournal(async ({ journal, stored }) => {
        const first = journal.append([runStarted()]);
        await new Promise<void>((resolve) => {
          setImmediate(resolve);
        });
        const second = journal.append([strategySet(1)]);
        await Promise.all([first, second]);
        await journal.append([strategySet(2)]);
        expect((await stored()).map(({ seq }) => seq)).toEqual([1, 2, 3]);
      }),
    );

    it(
      "refuses a body that could not be read back, stores nothing of its call, and continues",
      withJournal(async ({ journal, stored }) => {
        await journal.append([runStarted()]);
        const notANumber: EventBody = {
          type: "architecture-measured",
          round: 1,
          candidate: 0,
          text: "a",
          outcome: { kind: "measurement", metrics: { accuracy: Number.NaN }, seconds: 0 },
        };
        await expect(journal.append([strategySet(1), notANumber])).rejects.toThrow(
          "architecture-measured event cannot be stored",
        );
        const [event] = await journal.append([strategySet(2)]);
        expect(event?.seq).toBe(2);
        expect((await stored()).map(bodyOf)).toEqual([runStarted(), strategySet(2)]);
      }),
    );

    it(
      "shows nothing of an append that failed, and fails every later one the same way",
      withJournal(async ({ journal, stored, breakDown }, { skip }) => {
        if (breakDown === undefined) return skip("this journal cannot fail");
        const kept = await journal.append([runStarted(), strategySet(1)]);
        breakDown();
        const results = await Promise.allSettled([
          journal.append([strategySet(2), strategySet(3)]),
          journal.append([strategySet(4)]),
        ]);
        const errors = results.map((result) => (result.status === "rejected" ? result.reason : null));
        expect(errors[0]).toBeInstanceOf(Error);
        expect(errors[1]).toBe(errors[0]);
        await expect(journal.append([strategySet(5)])).rejects.toBe(errors[0]);
        expect(await stored()).toEqual(kept);
      }),
    );
  });
}
