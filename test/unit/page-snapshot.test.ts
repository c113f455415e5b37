/** How often the page of a run works out anew what it shows. */
import { beforeEach, expect, test } from "vitest";
import { type ReadRun, Snapshots } from "../../src/dashboard/page/snapshot.ts";
import { type EventBody, formatVersion, type RunEvent } from "../../src/search/events.ts";
import { applyEvent } from "../../src/search/fold.ts";
import { runStarted, strategySet } from "../support/run-events.ts";

let now = 0;
let waits: number[] = [];
let run: { -readonly [Key in keyof ReadRun]: ReadRun[Key] };
let events: RunEvent[] = [];

beforeEach(() => {
  [now, waits, events] = [0, [], []];
  run = { state: null, events, status: null };
});

function tell(body: EventBody): void {
  const event: RunEvent = { v: formatVersion, seq: events.length + 1, at: "2026-01-01T00:00:00Z", ...body };
  events.push(event);
  run.state = applyEvent(run.state, event);
}

const snapshots = () =>
  new Snapshots(
    () => run,
    () => now,
    (milliseconds) => waits.push(milliseconds),
  );

test("there is none before the first line, and the same one as long as nothing is new", () => {
  const made = snapshots();
  expect(made.current()).toBeNull();
  tell(runStarted());
  const first = made.current();
  expect(first?.count).toBe(1);
  now += 60_000;
  expect(made.current()).toBe(first);
});

test("what comes too soon is left for later, and asked for then", () => {
  const made = snapshots();
  tell(runStarted());
  const first = made.current();
  tell(strategySet(1));
  now += 10;
  expect(made.current()).toBe(first);
  const [wait = 0] = waits;
  expect(wait).toBeGreaterThan(0);
  now += wait;
  expect(made.current()?.count).toBe(2);
});

test("the longer it takes to draw, the longer it waits, but not for ever", () => {
  const made = snapshots();
  tell(runStarted());
  made.current();
  made.took(50);
  tell(strategySet(1));
  now += 250;
  expect(made.current()?.count).toBe(1);
  now += 100;
  expect(made.current()?.count).toBe(2);
  made.took(60_000);
  tell(strategySet(2));
  now += 2_000;
  expect(made.current()?.count).toBe(3);
});

test("a page that is drawn at every picture meanwhile does not put the next one off", () => {
  const made = snapshots();
  tell(runStarted());
  made.current();
  made.took(2);
  tell(strategySet(1));
  for (let picture = 0; picture < 20; picture++) {
    now += 16;
    made.current();
    made.took(2);
  }
  expect(made.current()?.count).toBe(2);
});

test("how the run stands is shown though no line came", () => {
  const made = snapshots();
  tell(runStarted());
  made.current();
  now += 1_000;
  run.status = { condition: "paused", isSteerable: true, trouble: null, isRestart: false, lastSeq: 1 };
  expect(made.current()?.status?.condition).toBe("paused");
});

test("events are found by type in their order, and a record that begins anew is read anew", () => {
  const made = snapshots();
  tell(runStarted());
  tell(strategySet(1));
  tell({ type: "round-closed", round: 1, chain: "" });
  tell(strategySet(2));
  expect(made.current()?.places.get("strategy-set")).toEqual([1, 3]);
  events = [];
  run = { state: null, events, status: null };
  tell(runStarted());
  tell(strategySet(1));
  // No waiting: what is shown no longer holds.
  expect(made.current()?.places.get("strategy-set")).toEqual([1]);
});
