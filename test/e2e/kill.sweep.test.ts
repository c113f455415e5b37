/**
 * A run that is killed goes on from where it was and comes to what it would have come to: one kill after an event of each
 * type in `npm test`, one after every event in `npm run test:long`.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  collmNas,
  evaluator as quick,
  decisions,
  events,
  journalLines,
  killAt,
  newRun,
  outcome,
  type Summary,
} from "../support/cli.ts";
import { type GrpcServer, startGrpcServer } from "../support/grpc-server.ts";
import {
  expectReplays,
  forEach,
  resumed,
  small,
  type Undisturbed,
  undisturbed,
} from "../support/disturbed-runs.ts";
import { casesOf } from "../support/sweep.ts";

describe("kill -9", () => {
  /** Kills a run at a place of its record, resumes it, and looks at what it comes to. */
  async function expectSurvival(reference: Undisturbed, address: string, place: number): Promise<void> {
    const run = newRun();
    const killed = await collmNas(["run", reference.file, "--evaluator", address, "--out", run], {
      env: killAt(place),
    });
    expect(killed.signal, `killed at ${place}: ${killed.stderr}`).toBe("SIGKILL");
    const whole = Math.floor(place);
    expect(journalLines(run)).toHaveLength(whole);
    const torn = readFileSync(join(run, "journal.jsonl"), "utf8").split("\n").at(-1) ?? "";
    expect(torn !== "").toBe(place !== whole);

    const { stdout, stderr } = await resumed(run, ["--json"]);
    expect(stderr).toMatch(/^took over the lock of process \d+, which is gone$/m);
    if (torn !== "")
      expect(stderr).toContain(`cut an unfinished last line of ${torn.length} bytes (event ${whole + 1})`);
    const summary = JSON.parse(stdout) as Summary;
    expect(outcome(summary), `killed at ${place}`).toEqual(outcome(reference.summary));
    expect(decisions(run), `killed at ${place}`).toEqual(decisions(reference.run));
    await expectReplays(run);
  }

  /** The number of one event of each type there is, from the middle of the run. */
  function oneOfEachType(run: string): number[] {
    const found = events(run);
    return [...new Set(found.map(({ type }) => type))].map((wanted) => {
      const seqs = found.flatMap(({ type, seq }) => (type === wanted ? [seq] : []));
      return seqs[Math.floor(seqs.length / 2)] as number;
    });
  }

  test("after any event of a run of the rules, and in the middle of writing some", async () => {
    const reference = await undisturbed(small.replace("12", "8"));
    const { length } = journalLines(reference.run);
    expect(length).toBeGreaterThanOrEqual(15);
    const middles = [1.5, 4.5, Math.floor(length / 2) + 0.5, length - 0.5];
    const places = casesOf({
      few: [...oneOfEachType(reference.run), ...middles.slice(1, 3)],
      all: [...events(reference.run).map(({ seq }) => seq), ...middles],
    });
    await forEach(places, (place) => expectSurvival(reference, quick.address, place));
  });

  test("after any event of a search that asks for costs first", async () => {
    const text = `${small.replace("12", "8")}searcher: local-search\nlimits: {flops_m: 120}\n`;
    const reference = await undisturbed(text);
    const found = events(reference.run);
    expect(found.map(({ type }) => type)).toContain("costs-measured");
    const asking = found.filter(({ type }) => type !== "architecture-measured");
    const places = casesOf({
      few: asking.filter(({ type }) => type === "costs-measured").slice(0, 2),
      all: asking,
    }).map(({ seq }) => seq);
    await forEach(places, (place) => expectSurvival(reference, quick.address, place));
  });

  describe("around the test of the winner", () => {
    let server: GrpcServer;

    beforeAll(async () => {
      server = await startGrpcServer();
    });
    afterAll(() => server.kill());

    test("is made up for, and not made twice", async () => {
      const reference = await undisturbed(
        "space: tiny\nbudget: 6\ncandidates: {min: 3, max: 3}\n",
        server.address,
      );
      expect(reference.summary.best?.test).toEqual({ accuracy: expect.any(Number) });
      const types = events(reference.run).map(({ type }) => type);
      expect(types.slice(-2)).toEqual(["run-ended", "winner-tested"]);
      const { length } = types;
      const places = casesOf({
        few: [length - 1, length - 0.5],
        all: [length - 2, length - 1, length - 0.5, length],
      });
      await forEach(places, (place) => expectSurvival(reference, server.address, place));
    });
  });
});
