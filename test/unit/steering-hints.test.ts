/** The hints of a person in the prompts of the Navigator: when they are shown, and how many. */
import { describe, expect, it } from "vitest";
import { runSearch } from "../../src/search/coordinator.ts";
import type { RunEvent, SearchConfig } from "../../src/search/events.ts";
import { fold } from "../../src/search/fold.ts";
import type { RunState } from "../../src/search/state.ts";
import { navigatorPrompt } from "../../src/searchers/navigator.ts";
import { soloPrompt } from "../../src/searchers/solo.ts";
import { MemoryJournal } from "../support/memory-journal.ts";
import { Person } from "../support/person.ts";
import { begin, never, watched } from "../support/steered-search.ts";
import { tinySpace } from "../support/tiny-space.ts";

const space = tinySpace();

describe("the request for a strategy", () => {
  async function recorded(settings: Partial<SearchConfig> = {}): Promise<readonly RunEvent[]> {
    const journal = new MemoryJournal();
    await journal.append([begin(settings)]);
    const { steering: _nobody, ...ports } = watched(new Person({ deeds: [], turns: [0] }), journal);
    await runSearch([...journal.events], ports, never);
    return journal.events;
  }

  /** The state as if hints had been given at the end of a record. */
  const hinted = (events: readonly RunEvent[], ...hints: readonly [round: number, text: string][]) =>
    fold([
      ...events,
      ...hints.map(
        ([round, text], index): RunEvent => ({
          v: 1,
          seq: events.length + index + 1,
          at: "2026-01-02T00:00:00.000Z",
          type: "hint-given",
          round,
          text,
        }),
      ),
    ]) as RunState;

  it("ends with the hints of its round as advice, first strategy or not, whatever the wording", async () => {
    const told = [
      "# From the person who watches the search",
      "Weigh this as advice: follow it as far as the results and the limits allow. The form of your answer stays as it was asked for.",
      "- Look at wide\n  layers.\n- And deep ones.",
    ].join("\n\n");
    for (const settings of [
      {},
      { wording: "concise" },
      { wording: "coaching" },
      { promptExtras: false },
    ] as const) {
      const events = await recorded(settings);
      for (const [round, upTo] of [
        [1, 1],
        [2, events.findIndex(({ type }) => type === "round-closed") + 1],
      ] as const) {
        const kept = events.slice(0, upTo);
        const without = navigatorPrompt(fold(kept) as RunState, space, round);
        const state = hinted(kept, [round, "Look at wide\nlayers."], [round, "And deep ones."]);
        expect(navigatorPrompt(state, space, round).user).toBe(`${without.user}\n\n${told}`);
        expect(navigatorPrompt(state, space, round).system).toBe(without.system);
      }
    }
  });

  it("holds no hint of another round, but a new conversation shows the earlier ones", async () => {
    const events = await recorded();
    const without = navigatorPrompt(fold(events) as RunState, space, 4);
    const state = hinted(events, [2, "Once upon a time."], [4, "Now."], [5, "Not yet."]);
    const { user, condensed = "" } = navigatorPrompt(state, space, 4);
    expect(user).toContain("- Now.");
    expect(user).not.toMatch(/Once upon|Not yet/);
    expect(condensed).toContain(
      "# What the person who watches the search advised before\n\n- round 2: Once upon a time.",
    );
    expect(condensed.endsWith(user)).toBe(true);
    expect(condensed).not.toContain("Not yet");
    expect(without.condensed).not.toContain("the person");
  });

  it("stays bounded in a new conversation, however many hints were given", async () => {
    const events = await recorded();
    const hints = Array.from({ length: 60 }, (_, index): [number, string] => [
      2,
      `${"long ".repeat(390)}${index}`,
    ]);
    const { condensed = "" } = navigatorPrompt(hinted(events, ...hints), space, 4);
    const without = navigatorPrompt(fold(events) as RunState, space, 4).condensed ?? "";
    expect(condensed.length - without.length).toBeLessThan(6_000);
  });

  it("of one model that plays both roles is the same with and without", async () => {
    const events = await recorded();
    expect(soloPrompt(hinted(events, [4, "Now."]), space, 4).user).toBe(
      soloPrompt(fold(events) as RunState, space, 4).user,
    );
  });
});
