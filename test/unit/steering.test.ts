/** A person beside a run: whatever is asked of it, and whenever, its record replays and keeps its chain digests. */
import { setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { deadlineIn } from "../../src/system/clock.ts";
import { Interrupted, UsageError } from "../../src/errors.ts";
import { runSearch } from "../../src/search/coordinator.ts";
import { digestOf, RunningDigest } from "../../src/search/digest.ts";
import type { RunEvent } from "../../src/search/events.ts";
import type { Deadline, Steering } from "../../src/search/ports.ts";
import { fold } from "../../src/search/fold.ts";
import { secondsWorked } from "../../src/search/progress.ts";
import type { RunState } from "../../src/search/state.ts";
import { replaySearch, resumeSearch } from "../../src/search/replay.ts";
import { collm } from "../../src/searchers/collm.ts";
import { bodies, facts, StillClock } from "../support/core-ports.ts";
import { MemoryJournal } from "../support/memory-journal.ts";
import { type Deed, Person, type Plan } from "../support/person.ts";
import { runResumed } from "../support/run-events.ts";
import { begin, never, slowJournal, steered, watched } from "../support/steered-search.ts";

const plans: fc.Arbitrary<Plan> = fc.record({
  deeds: fc.array(
    fc.record({
      at: fc.nat(90),
      deed: fc.constantFrom<Deed>("hint", "two hints", "pause", "resume", "pause and resume"),
    }),
    { maxLength: 12 },
  ),
  turns: fc.array(fc.nat(3), { minLength: 1, maxLength: 6 }),
});

async function resumed(events: readonly RunEvent[], person: Person) {
  const journal = slowJournal(person, events);
  await journal.append([runResumed()]);
  const state = await resumeSearch([...journal.events], watched(person, journal), never);
  await person.allAnswered();
  return { state, events: journal.events };
}

/** Everything that has to be true of a record, whatever a person did. */
async function expectSound(events: readonly RunEvent[], state: RunState): Promise<void> {
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  expect(facts(fold(events) as RunState)).toEqual(facts(state));
  expectChained(events);
  const hints = bodies(events, "hint-given");
  for (const { added, round, role, attempt } of bodies(events, "chat-replied")) {
    if (role !== "navigator" || attempt > 1) continue;
    const asked = added.at(-1)?.content ?? "";
    const told = hints.filter(({ text }) => asked.includes(text)).map(({ text }) => text);
    const due = hints.filter((hint) => hint.round === round).map(({ text }) => text);
    expect(told, `told in round ${round}`).toEqual(due);
  }
  const replayed = await replaySearch(events, collm);
  expect(replayed.complete).toBe(true);
  expect(facts(replayed.state)).toEqual(facts(state));
}

/** Each chain digest is the digest of every line before it. */
function expectChained(events: readonly RunEvent[]): void {
  const chain = new RunningDigest();
  for (const event of events) {
    if (event.type === "round-closed" || event.type === "run-ended")
      expect(event.chain, `event ${event.seq}`).toBe(chain.value());
    if (event.type === "winner-tested")
      expect(event.chain).toBe(digestOf([chain.value(), event.text, event.outcome]));
    chain.add(event);
  }
}

describe("a run that a person steers", () => {
  it("replays and keeps its seals, whatever is asked of it and whenever", async () => {
    let hints = 0;
    let pauses = 0;
    await fc.assert(
      fc.asyncProperty(plans, async (plan) => {
        const person = new Person(plan);
        const { state, events } = await steered(person);
        expect(state.ended).toBe("budget");
        await expectSound(events, state);
        const recorded = bodies(events, "hint-given").map(({ text, round }) => [text, round]);
        expect(recorded).toEqual([...person.told].sort(([, first], [, second]) => first - second));
        for (const error of person.refused) expect(error).toBeInstanceOf(UsageError);
        expect(bodies(events, "run-continued")).toHaveLength(bodies(events, "run-paused").length);
        hints += recorded.length;
        pauses += bodies(events, "run-paused").length;
      }),
      { numRuns: 80 },
    );
    expect(hints).toBeGreaterThan(50);
    expect(pauses).toBeGreaterThan(10);
  });

  it("continues from anywhere in its record, steered again, and replays", async () => {
    await fc.assert(
      fc.asyncProperty(plans, plans, async (plan, later) => {
        const { events } = await steered(new Person(plan));
        for (let cut = 1; cut <= events.length; cut++) {
          const person = new Person(later, `later ${cut}`);
          const again = await resumed(events.slice(0, cut), person);
          expect(again.state.ended, `cut after event ${cut}`).toBe("budget");
          await expectSound(again.events, again.state);
        }
      }),
      { numRuns: 6 },
    );
  });

  it("gets a hint in the round after the current one, and a hint between rounds in the next round", async () => {
    const person = new Person({ deeds: [], turns: [0] });
    const { state, events } = await steered(person, (notice) => {
      if (notice.kind !== "recorded") return;
      if (notice.event.type === "strategy-set" && notice.event.round === 1) person.hint();
      if (notice.event.type === "round-closed" && notice.event.round === 2) person.hint();
    });
    expect([...person.told.values()]).toEqual([2, 3]);
    await expectSound(events, state);
  });

  it("keeps its seals also when hints keep coming while others are being stored", async () => {
    const person = new Person({ deeds: [], turns: [0] });
    const journal = new MemoryJournal({
      beforeAppend: async ([body]) => {
        if (body?.type !== "hint-given") return;
        await turn();
        if (person.given < 12) person.hint();
        await turn();
      },
    });
    await journal.append([begin()]);
    const state = await runSearch([...journal.events], watched(person, journal), never, (notice) => {
      const isLast = notice.kind === "recorded" && notice.event.type === "architecture-measured";
      if (isLast && notice.event.candidate === 2) person.hint();
    });
    await person.allAnswered();
    expect(bodies(journal.events, "hint-given").length).toBeGreaterThan(10);
    await expectSound(journal.events, state);
  });

  it("refuses hints once nothing more will be asked, and more than a prompt can bear", async () => {
    const person = new Person({ deeds: [], turns: [0] });
    const { events } = await steered(person, (notice) => {
      if (notice.kind !== "recorded") return;
      if (notice.event.type === "strategy-set" && notice.event.round === 1)
        for (let hint = 0; hint < 25; hint++) person.hint();
      if (notice.event.type === "run-ended") person.hint();
    });
    expect(bodies(events, "hint-given")).toHaveLength(20);
    const words = person.refused.map((error) => (error as Error).message);
    expect(words.slice(0, 5)).toEqual(Array(5).fill("20 hints wait already; give more after the next round"));
    expect(words.slice(5)).toEqual(["the search is over: no strategy will be asked for any more"]);
  });

  it("takes no hint and no pause while it decides again what is recorded", async () => {
    const { events } = await steered(new Person({ deeds: [], turns: [1] }));
    const cut = events.findLastIndex(({ type }) => type === "architecture-measured");
    const person = new Person({ deeds: [{ at: 0, deed: "pause" }], turns: [1] });
    let given = 0;
    const journal = slowJournal(person, events.slice(0, cut));
    await journal.append([runResumed()]);
    const ports = watched(person, journal);
    const early: Steering = {
      isPaused: () => person.isPaused(),
      continued: () => person.continued(),
      hintsTo: (take) => {
        given = journal.events.length;
        person.hintsTo(take);
        person.hint();
      },
    };
    const state = await resumeSearch([...journal.events], { ...ports, steering: early }, never);
    await person.allAnswered();
    expect(given).toBe(cut + 1);
    expect(person.told.size).toBe(1);
    await expectSound(journal.events, state);
  });
});

describe("a pause", () => {
  /** Steering that is paused before the first round until `go` is called. */
  function paused() {
    let isPaused = true;
    let waits: () => void = () => {};
    const waiting = new Promise<void>((resolve) => {
      waits = resolve;
    });
    let goOn: () => void = () => {};
    const gone = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const steering: Steering = {
      isPaused: () => isPaused,
      continued: async (signal) => {
        waits();
        await Promise.race([
          gone,
          new Promise<never>((_resolve, reject) => {
            signal.addEventListener("abort", () => reject(new Interrupted("stopped on request")));
          }),
        ]);
      },
      hintsTo: () => {},
    };
    return {
      steering,
      waiting,
      go: () => {
        isPaused = false;
        goOn();
      },
    };
  }

  async function set(deadline?: Deadline) {
    const clock = new StillClock();
    const journal = new MemoryJournal({ clock });
    await journal.append([begin()]);
    const person = new Person({ deeds: [], turns: [0] });
    const { steering, waiting, go } = paused();
    const ports = {
      ...watched(person, journal),
      steering,
      clock,
      ...(deadline === undefined ? {} : { deadline }),
    };
    return { clock, journal, ports, waiting, go };
  }

  it("asks and evaluates nothing, and counts neither as time worked nor towards the cap", async () => {
    let isOutside = false;
    const deadline: Deadline = {
      signal: never,
      isOver: () => false,
      without: async (wait) => {
        isOutside = true;
        const value = await wait();
        isOutside = false;
        return value;
      },
    };
    const { clock, journal, ports, waiting, go } = await set(deadline);
    const running = runSearch([...journal.events], ports, never);
    await waiting;
    expect(isOutside).toBe(true);
    expect(journal.events.at(-1)).toMatchObject({ type: "run-paused", round: 0 });
    expect(fold(journal.events)?.isPaused).toBe(true);
    expect(ports.chat.requests).toHaveLength(0);
    clock.pass(1_000);
    go();
    const state = await running;
    expect(isOutside).toBe(false);
    expect(state.isPaused).toBe(false);
    expect(state.ended).toBe("budget");
    expect(secondsWorked(state)).toBe(0);
  });

  it("is over when the run is stopped in it and resumed, and its time is not counted then either", async () => {
    const { clock, journal, ports, waiting } = await set();
    const stop = new AbortController();
    const running = runSearch([...journal.events], ports, stop.signal);
    await waiting;
    stop.abort();
    await expect(running).rejects.toThrow(Interrupted);
    expect(fold(journal.events)?.isPaused).toBe(true);
    clock.pass(1_000);
    await journal.append([runResumed()]);
    const { steering: _nobody, ...alone } = ports;
    const state = await resumeSearch([...journal.events], alone, never);
    expect(state.ended).toBe("budget");
    expect(state.isPaused).toBe(false);
    expect(secondsWorked(state)).toBe(0);
    await expectSound(journal.events, state);
  });
});

describe("the end of the time that a run may take", () => {
  afterEach(() => void vi.useRealTimers());

  it("moves by what is waited for without it", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    const deadline = deadlineIn(10);
    vi.advanceTimersByTime(4_000);
    await deadline.without(async () => vi.advanceTimersByTime(100_000));
    vi.advanceTimersByTime(5_900);
    expect([deadline.isOver(), deadline.signal.aborted]).toEqual([false, false]);
    vi.advanceTimersByTime(200);
    expect([deadline.isOver(), deadline.signal.aborted]).toEqual([true, true]);
  });
});
