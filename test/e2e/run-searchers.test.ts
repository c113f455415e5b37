/** `run` with every searcher, on the real evaluator and its real table. */
import { describe, expect, test } from "vitest";
import { collmNas, evaluator, decisions, events, newRun } from "../support/cli.ts";
import { expectHonestCounts, search, space } from "../support/searches.ts";

const searchers = [
  "rules",
  "random",
  "evolution",
  "regularized-evolution",
  "local-search",
  "reinforce",
  "surrogate",
  "costliest-first",
  "portfolio",
] as const;

describe("the seed", () => {
  test.each(["rules", "evolution"])("alone decides what %s does", async (searcher) => {
    const runs = [newRun(), newRun(), newRun()];
    const [first, same, other] = await Promise.all(
      ["5", "5", "6"].map((seed, index) =>
        search(["--searcher", searcher, "--budget", "25", "--seed", seed, "--out", runs[index] as string]),
      ),
    );
    expect(same?.trace).toEqual(first?.trace);
    expect(decisions(runs[1] as string)).toEqual(decisions(runs[0] as string));
    expect(other?.trace).not.toEqual(first?.trace);
  });
});

describe.each(searchers)("%s", (searcher) => {
  test("spends its budget, all of it within the limit", async () => {
    const run = newRun();
    const summary = await search([
      "--searcher",
      searcher,
      "--budget",
      "25",
      "--limit",
      "flops_m=120",
      "--out",
      run,
    ]);
    expect(summary).toMatchObject({
      searcher,
      status: "ended",
      stopReason: "budget",
      spend: { evaluations: 25 },
    });
    expectHonestCounts(summary);
    const accepted = events(run).flatMap((event) =>
      event.type === "round-proposed"
        ? event.candidates.flatMap(({ verdict }) => (verdict.kind === "accepted" ? [verdict.measured] : []))
        : [],
    );
    expect(accepted).toHaveLength(25);
    expect(new Set(accepted.map(({ text }) => text)).size).toBe(25);
    expect(accepted.filter(({ costs }) => (costs["flops_m"] ?? Number.NaN) > 120)).toEqual([]);
    expect(summary.best?.costs["flops_m"]).toBeLessThanOrEqual(120);
  });

  test("ends by itself, without a winner, when nothing can be within the limit", async () => {
    const args = ["run", "--space", space, "--evaluator", evaluator.address, "--searcher", searcher];
    const run = newRun();
    const { code, stdout, stderr } = await collmNas([...args, "--limit", "flops_m=1", "--out", run]);
    expect(code, stderr).toBe(7);
    expect(stderr).toMatch(/^collm-nas: ended without a usable winner: no legal architecture at or below/m);
    expect(stdout).toMatch(
      /^Winner +none: no legal architecture at or below flops_m 1 found; the smallest seen costs \d/m,
    );
    expect(events(run).at(-1)).toMatchObject({ type: "run-ended", reason: "nothing-within-limit" });
    expect(events(run).filter(({ type }) => type === "architecture-measured")).toEqual([]);
  });
});

test("an end without a winner is said once in a terminal, which has both streams", async () => {
  const run = newRun();
  const search = ["--space", space, "--evaluator", evaluator.address, "--searcher", "random"];
  const lines = [
    ["run", ...search, "--limit", "flops_m=1", "--out", run],
    ["watch", run],
  ];
  for (const line of lines) {
    const { code, stdout, stderr } = await collmNas(line, { columns: 100 });
    expect(code, stderr).toBe(7);
    expect(stdout).toMatch(/^Winner +none: no legal architecture at or below/m);
    expect(stderr).not.toContain("no legal architecture");
  }
  const { code, stderr } = await collmNas(["watch", run, "--json"], { columns: 100 });
  expect([code, stderr]).toEqual([7, expect.stringContaining("no legal architecture")]);
});
