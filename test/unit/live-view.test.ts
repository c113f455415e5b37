/** What is drawn while a search runs, on a terminal and elsewhere. */
import { PassThrough } from "node:stream";
import { setTimeout as wait } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { BenchView } from "../../src/cli/bench-view.ts";
import { LiveView } from "../../src/cli/live-view.ts";
import { parseConfig } from "../../src/settings/config.ts";
import { shellWord } from "../../src/text/shell.ts";
import { formatVersion, type RunEvent } from "../../src/search/events.ts";
import type { EvaluationMessage, Evaluator } from "../../src/search/ports.ts";
import { fold } from "../../src/search/fold.ts";
import type { RunState } from "../../src/search/state.ts";
import { setUp } from "../support/core-ports.ts";
import { MemoryEvaluator } from "../support/memory-evaluator.ts";
import { runStarted } from "../support/run-events.ts";
import { scriptedSearcher } from "../support/scripted-searcher.ts";
import { screenOf } from "../support/terminal.ts";
import { tinyTexts } from "../support/tiny-architectures.ts";
import { tinyDescription } from "../support/tiny-space.ts";

const description = { ...tinyDescription, parallelism: 1 };

/** Ended after each test, so that no timer of a bar stays behind. */
const views: LiveView[] = [];
afterEach(() => {
  for (const view of views.splice(0)) view.end();
});

/** A stream that keeps what is written, as a terminal without colours or as a file. */
function stream(isTTY: boolean): { out: NodeJS.WriteStream; written: () => string } {
  let written = "";
  const out = new PassThrough();
  out.on("data", (bytes: Buffer) => (written += bytes.toString()));
  return {
    out: Object.assign(out, { isTTY, columns: 80, hasColors: () => false }) as unknown as NodeJS.WriteStream,
    written: () => written,
  };
}

interface Clock {
  seconds: number;
}

describe("a line that is said", () => {
  const sentence = "the server said that it is too busy for now and asks everybody to come again later on ";
  const words = (columns: number, length: number) =>
    `${sentence.repeat(1 + Math.ceil(length / columns))}`.slice(0, length - 1) + "!";

  it.each([30, 79, 80, 81, 200])(
    "stands whole above the bar of a terminal of %d columns",
    async (columns) => {
      const { out, written } = stream(true);
      Object.assign(out, { columns });
      const view = new LiveView(out);
      views.push(view);
      const { journal } = await setUp({ description, searcher: scriptedSearcher([tinyTexts.slice(0, 2)]) });
      view.begin(fold(journal.events) as RunState);
      const lines = [columns - 1, columns, columns + 1, 2 * columns, 3 * columns + 5].map((length) =>
        words(columns, length),
      );
      for (const line of ["before", ...lines, "behind"]) view.say(line);
      // They are drawn with the bar, and over one that was drawn before.
      await expect.poll(() => screenOf(written(), columns)).toContain("behind");
      view.say("before");
      for (const line of lines) view.say(line);
      view.say("at last");
      await expect.poll(() => screenOf(written(), columns)).toContain("at last");
      const screen = screenOf(written(), columns);
      const said = screen.slice(screen.indexOf("before"), screen.indexOf("at last"));
      // Whatever the width, every letter is there, no word is broken, and nothing of the bar is left.
      const meant = ["before", ...lines, "behind", "before", ...lines];
      expect(said.join(" ").split(/\s+/)).toEqual(meant.join(" ").split(/\s+/));
      for (const row of said) expect(row.length).toBeLessThanOrEqual(columns);
    },
  );

  it("is as long as it is where there is no terminal", () => {
    const { out, written } = stream(false);
    const view = new LiveView(out);
    view.say(words(80, 300));
    expect(written()).toBe(`${words(80, 300)}\n`);
  });
});

/** Plays a run of 2 + 2 evaluations and a test before a view; `evaluating` says what happens during each. */
async function play(
  out: NodeJS.WriteStream,
  evaluating: (
    clock: Clock,
    text: string,
  ) => AsyncGenerator<{ fraction: number; note: string }> | Generator<{ fraction: number; note: string }>,
): Promise<void> {
  const clock: Clock = { seconds: 1_000 };
  const memory = new MemoryEvaluator({ description });
  const evaluator: Evaluator = {
    measureCosts: (request, signal) => memory.measureCosts(request, signal),
    async *evaluate(request, signal): AsyncGenerator<EvaluationMessage> {
      for await (const message of memory.evaluate(request, signal)) {
        for await (const { fraction, note } of evaluating(clock, request.texts[message.index] as string))
          yield { kind: "progress", index: message.index, fraction, note };
        yield message;
        // What was measured is recorded before time goes on.
        await wait(0);
      }
    },
  };
  const { run, journal } = await setUp({
    description,
    evaluator,
    searcher: scriptedSearcher([tinyTexts.slice(0, 2), tinyTexts.slice(2, 4)]),
    search: { budget: 10, rounds: 2 },
  });
  const view = new LiveView(out, () => clock.seconds);
  views.push(view);
  view.begin(fold(journal.events) as RunState);
  await run(undefined, (notice) => view.observe(notice));
}

/** Progress every four seconds of an evaluation of forty. */
function* slowly(clock: Clock): Generator<{ fraction: number; note: string }> {
  for (let step = 1; step <= 10; step++) {
    clock.seconds += 4;
    yield { fraction: step / 10, note: "decoding;\n run \u001b[31mcache-images once" };
  }
}

describe("a line of a bench", () => {
  const config = parseConfig({ space: "tiny", searcher: "random" }, "");
  const run = { label: "random", isControl: false, config, folder: "runs/tiny" };

  it("stays whole above the bar and after it, also where it is wider than the terminal", async () => {
    const { out, written } = stream(true);
    const view = new BenchView(out, [run]);
    const word = "abcdefghij".repeat(21);
    view.failed(run, word);
    await expect.poll(() => screenOf(written(), 80).join("")).toContain(word);
    view.failed(run, "at last");
    view.end();
    out.write("Results\n");
    const screen = screenOf(written(), 80);
    expect(screen.join("")).toContain(word);
    // What is printed after the bench takes the place of its bar.
    expect(screen.slice(-2)).toEqual(["random on tiny, seed 0: failed: at last", "Results"]);
  });
});

/** A terminal leaves out blanks at the end of its rows. */
const lettersOf = (text: string) => text.replaceAll(" ", "");

describe("a paused run", () => {
  it.each([20, 60, 400])(
    "names the command that goes on with it on one line, %s characters long",
    async (length) => {
      const { out, written } = stream(true);
      const view = new LiveView(out);
      views.push(view);
      const folder = `runs/${"of a stranger ".repeat(40).slice(0, length).trim()}`;
      const stamp = { v: formatVersion, at: "2026-01-01T00:00:00.000Z" } as const;
      const state = fold([{ ...stamp, seq: 1, ...runStarted({ run: folder }) }]) as RunState;
      view.begin(state);
      const event: RunEvent = { ...stamp, seq: 2, type: "run-paused", round: 0 };
      view.observe({ kind: "recorded", event, state });
      // With the bar below it, and where it is longer than the terminal is wide.
      const command = `steer ${shellWord(folder)} resume`;
      const seen = () => lettersOf(screenOf(written(), 80).join(""));
      await expect.poll(seen).toContain(lettersOf(command));
    },
  );
});

describe("without a terminal", () => {
  it("tells of a slow evaluation at most every 30 s: which one, how far, what it does, for how long, what is left", async () => {
    const { out, written } = stream(false);
    await play(out, slowly);
    const lines = written().split("\n");
    const told = lines.filter((line) => /^(evaluating|testing)/.test(line));
    // Five evaluations take 200 s, and the lines of the rounds are news as well.
    expect(told).toEqual([
      "evaluating 1 of 2: 80 %, decoding; run [31mcache-images once, 32 s so far; 0/10 evaluated, best none yet",
      expect.stringMatching(
        /^evaluating 2 of 2: 60 %, decoding; run \[31mcache-images once, 24 s so far; 1\/10 evaluated, best \d+\.\d\d %, 2 min left$/,
      ),
      expect.stringMatching(
        /^evaluating 1 of 2: 80 %, .*, 32 s so far; 2\/10 evaluated, best .*, 48 s left$/,
      ),
      expect.stringMatching(/^evaluating 2 of 2: 60 %, .*; 3\/10 evaluated/),
      expect.stringMatching(/^testing the winner: 80 %, .*, 32 s so far; 4\/10 evaluated, best [\d.]+ %$/),
    ]);
    expect(written()).not.toContain("\u001b");
  });

  it("tells of where the search is also when the evaluator reports nothing", async () => {
    const { out, written } = stream(false);
    // oxlint-disable-next-line require-yield
    await play(out, function* (clock) {
      clock.seconds += 40;
    });
    expect(written().split("\n")[1]).toMatch(/^evaluating 2 of 2; 1\/10 evaluated, best .* %, 2 min left$/);
  });

  it("says nothing of quick ones, however often they report", async () => {
    const { out, written } = stream(false);
    await play(out, function* (clock) {
      for (let step = 1; step <= 50; step++) {
        clock.seconds += 0.001;
        yield { fraction: step / 50, note: "quick" };
      }
    });
    expect(written()).not.toMatch(/evaluating|testing|quick/);
    expect(written().trimEnd().split("\n")).toHaveLength(3);
  });
});

describe("on a terminal", () => {
  const until = async (isSo: () => boolean) => {
    while (!isSo()) await wait(20);
  };

  it("draws the evaluation under way below the bar, and takes it away at the end", async () => {
    const { out, written } = stream(true);
    const parts: string[] = [];
    await play(out, async function* (clock, text) {
      if (text !== tinyTexts[1]) return;
      clock.seconds += 12;
      yield { fraction: 0.455, note: "calibrating" };
      await until(() => written().includes("evaluating 2 of 2: 45 %, calibrating, 12 s so far"));
      await until(() => written().includes("1/10 evaluated  best"));
      clock.seconds += 100;
      await until(() => written().includes("calibrating, 2 min so far"));
      parts.push(written());
    });
    expect(parts).toHaveLength(1);
    views[0]?.end();
    expect(written().endsWith("\u001b[0J") || written().includes("\u001b[0J")).toBe(true);
  });

  it("draws no such line for quick ones", async () => {
    const { out, written } = stream(true);
    await play(out, async function* (clock) {
      clock.seconds += 0.9;
      await wait(250);
      yield { fraction: 0.5, note: "quick" };
      await wait(250);
    });
    expect(written()).toContain("/10 evaluated");
    expect(written()).not.toMatch(/evaluating|testing|quick/);
  });
});
