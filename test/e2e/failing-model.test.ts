/** A search whose model server fails: what is asked again, how the run ends and goes on, and that no key is given away. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { collmNas, decisions, json, killAt, newRun, start, until } from "../support/cli.ts";
import {
  type Answer,
  chat,
  emptyChoices,
  htmlPage,
  rateLimited,
  reasoned,
  resetConnection,
  serverError,
  stalledBody,
  stalledHeaders,
  unauthorized,
} from "../support/model-server.ts";
import {
  commandLine,
  expectWholeSearch,
  good,
  rounds,
  search,
  serve,
  server,
} from "../support/model-searches.ts";

describe("a server that fails once", () => {
  // These mostly wait.
  test.concurrent.each<[string, Answer, RegExp]>([
    ["without a choice", emptyChoices(), /answered without a single choice/],
    ["with an HTML page", htmlPage(), /answered with an HTML page instead of a reply/],
    [
      "with 429 and how long to wait",
      rateLimited({ "retry-after": "1" }),
      /^waiting 1\.0 s: .*asks to slow down/m,
    ],
    ["with 500", serverError(), /failed \(500: /],
    ["with 503", serverError(503), /failed \(503: /],
    ["by resetting the connection", resetConnection("in the body"), /broke off the connection/],
    ["by stalling in the reply", stalledBody(), /gave no whole reply within 0\.5 s/],
    ["by stalling before it", stalledHeaders(), /gave no whole reply within 0\.5 s/],
  ])("%s is asked again, and no round is lost", async (_how, answer, said) => {
    const { baseUrl, requests } = await server({ 1: answer, 4: answer });
    const result = await search(baseUrl, "", ", timeoutSeconds: 0.5");
    expectWholeSearch(result);
    expect(result.ended.stderr).toMatch(said);
    expect(rounds(result.run)).toBe(2);
    expect(requests).toHaveLength(6);
    expect(result.summary.spend).toMatchObject({ chatCalls: 4, rejectedReplies: 0, failedAttempts: 2 });
  });
});

describe("a server that keeps failing", () => {
  test.concurrent.each<[string, Answer, string]>([
    ["without a choice", emptyChoices(), "try another model or another server"],
    ["with an HTML page", htmlPage(), "check the base URL"],
    ["with 500", serverError(), "failed (500: "],
  ])("%s ends the run with exit 3 and the way to go on", async (_how, answer, said) => {
    const bad = await serve((request, index) => (index < 3 ? good(request) : answer));
    const { ended, summary, run } = await search(bad.baseUrl, "", ", retries: 1");
    expect(ended.code, ended.stderr).toBe(3);
    expect(ended.stderr).toContain(said);
    expect(ended.stderr).toMatch(new RegExp(`then continue with: \\S*bin/collm-nas resume ${run}$`, "m"));
    expect(summary).toMatchObject({ status: "failed", stopReason: "stopped", spend: { evaluations: 6 } });

    const { baseUrl } = await server();
    const resumed = await json(["resume", run, "--base-url", baseUrl]);
    expect(resumed).toMatchObject({ status: "ended", spend: { evaluations: 12, chatCalls: 4 } });
  });

  test("by refusing the key stops at once and names the variable", async () => {
    const { baseUrl, requests } = await serve(() => unauthorized());
    const run = newRun();
    const key = "sk-test-0123456789abcdef";
    const ended = await collmNas(commandLine(baseUrl, run), { env: { TEST_KEY: key } });
    expect(ended.code, ended.stderr).toBe(3);
    expect(requests).toHaveLength(1);
    expect(ended.stderr).toContain("refuses the key in TEST_KEY");
    expect(ended.stderr).toContain("set TEST_KEY to a valid key");
    expect(ended.stderr + ended.stdout).not.toContain(key);
  });

  test("for want of a key names the variable, too", async () => {
    const { baseUrl } = await serve(() => unauthorized());
    const { ended } = await search(baseUrl);
    expect(ended.code, ended.stderr).toBe(3);
    expect(ended.stderr).toContain("wants a key, and none was given");
    expect(ended.stderr).toContain("set TEST_KEY to a valid key");
  });
});

test("the key stands in no file of a run and in nothing that is printed", async () => {
  const key = "sk-test-0123456789abcdef";
  // A server that quotes the key in its reply, in an error and in its thoughts.
  const { baseUrl } = await server({
    0: reasoned(
      "reasoning",
      `The key is ${key}.`,
      `My strategy: keep ${key} to myself, search widely and evenly.`,
    ),
    1: chat(`Your key is ${key}, I answer nothing.`),
    4: serverError(),
  });
  const run = newRun();
  const ended = await collmNas(commandLine(baseUrl, run), { env: { TEST_KEY: key } });
  expect(ended.code, ended.stderr).toBe(0);
  const shown = await collmNas(["show", run, "--round", "1"]);
  const files = readdirSync(run).map((name) => readFileSync(join(run, name), "utf8"));
  for (const text of [ended.stdout, ended.stderr, shown.stdout, ...files]) expect(text).not.toContain(key);
  expect(files.join("")).toContain("[key]");
});

test("a run may continue with another model at another address, which is recorded", async () => {
  const first = await server();
  const run = newRun();
  await collmNas(commandLine(first.baseUrl, run), { env: killAt(10) });
  const second = await server();
  const summary = await json(["resume", run, "--model", "other-model", "--base-url", second.baseUrl]);
  expect(summary).toMatchObject({ status: "ended", models: { navigator: "other-model" } });
  expect(new Set(second.requests.map(({ body }) => body.model))).toEqual(new Set(["other-model"]));
  expect(first.requests.length + second.requests.length).toBe(4);
  expect((await collmNas(["replay", run])).code).toBe(0);
});

test("Ctrl-C while a model does not answer ends within 2 s, and the run goes on later", async () => {
  const { baseUrl, requests } = await server({ 2: stalledBody() });
  const run = newRun();
  const process = start(commandLine(baseUrl, run));
  await until("the model is asked a third time", () => requests.length === 3);
  const begin = performance.now();
  process.interrupt();
  const { code, stderr } = await process.ended;
  expect((performance.now() - begin) / 1000).toBeLessThan(2);
  expect(code, stderr).toBe(3);
  expect(stderr).toContain(`resume ${run}`);
  expect(await json(["resume", run])).toMatchObject({ status: "ended", spend: { evaluations: 12 } });
  expect(decisions(run).length).toBeGreaterThan(12);
});
