/** A blind search as a person makes one: nothing that is sent names the space's own words, and the winner is told in them. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { collmNas, evaluator, json, newRun } from "../support/cli.ts";
import { type ModelServer, playRoles, startModelServer } from "../support/model-server.ts";

let server: ModelServer;

beforeAll(async () => {
  server = await startModelServer(playRoles());
});
afterAll(() => server.close());

test("a blind search", async () => {
  const run = newRun();
  const flags = ["--space", "analognas-baseline", "--evaluator", evaluator.address, "--budget", "30"];
  const model = ["--model", "m", "--base-url", server.baseUrl];
  const { best } = await json(["run", ...flags, ...model, "--blind", "--task", "Of CIFAR-10.", "--out", run]);
  expect(server.requests.length).toBeGreaterThan(1);
  for (const { body } of server.requests)
    expect(JSON.stringify(body)).not.toMatch(/conv|skip|pool|none_|\bop\b|cell|node|cifar/i);
  expect(best?.text).not.toContain("conv");
  const winner = best?.original ?? "";
  expect(winner).toMatch(/^\|\w+~0\|\+/);
  const again = await collmNas(["evaluate", winner, ...flags.slice(0, 4), "--json"]);
  expect(JSON.parse(again.stdout)).toMatchObject({ metrics: best?.metrics, costs: best?.costs });
  expect((await collmNas(["replay", run])).code).toBe(0);
  const prolonged = await json(["resume", run, "--budget", "40", "--evaluator", evaluator.address]);
  expect(prolonged.trace).toHaveLength(40);
  const other = await json(["run", ...flags, ...model, "--blind", "--seed", "1", "--out", newRun()]);
  expect(Object.keys(other.best?.architecture ?? {})).not.toEqual(Object.keys(best?.architecture ?? {}));
});
