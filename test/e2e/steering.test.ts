/**
 * A person beside a real run: the command line, the socket in the run's folder, a model behind HTTP, and what is left in
 * the record.
 */
import { once } from "node:events";
import { existsSync, statSync } from "node:fs";
import { type IncomingMessage, request as httpRequest } from "node:http";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import {
  collmNas,
  evaluator,
  events,
  json,
  newRun,
  type Process,
  start,
  startEvaluator,
  temporaryFile,
  until,
  untilRecorded,
  untilSaid,
} from "../support/cli.ts";
import {
  type Answer,
  type ModelRequest,
  type ModelServer,
  playRoles,
  startModelServer,
} from "../support/model-server.ts";

const space = "analognas-baseline";
const good = playRoles();

const servers: ModelServer[] = [];

afterAll(async () => {
  await Promise.all(servers.map((each) => each.close()));
});

/** A model that plays both roles well, and holds back the answers to the requests of these numbers until it is let go. */
async function model(...held: readonly number[]) {
  const gates = new Map(held.map((index) => [index, gate()]));
  const server = await startModelServer((request, index): Answer => {
    const answer = good(request);
    const held_ = gates.get(index);
    if (held_ === undefined) return answer;
    return async (response) => {
      await held_.opened;
      await answer(response, request);
    };
  });
  servers.push(server);
  return {
    server,
    letGo: (index: number) => gates.get(index)?.open(),
    untilAsked: (index: number) =>
      until(`request ${index} arrives`, () => server.requests.length > index && index + 1),
  };
}

function gate() {
  let open: () => void = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

/** Starts a search of rounds of six. */
function startRun(url: string, run: string, budget = 18): Process {
  const file = temporaryFile(
    "search.yaml",
    `space: ${space}\nbudget: ${budget}\ncandidates: {min: 6, max: 6}\nmodel: {name: test-model, baseUrl: "${url}"}\n`,
  );
  return start(["run", file, "--evaluator", evaluator.address, "--out", run, "--json"]);
}

const steer = (run: string, ...order: readonly string[]) => collmNas(["steer", run, ...order]);

const recorded = (run: string, type: string) => events(run).filter((event) => event.type === type);

const control = (run: string) => join(run, "control.sock");

const lastMessage = (request: ModelRequest | undefined) => {
  const content = request?.body.messages?.at(-1)?.["content"];
  return typeof content === "string" ? content : "";
};

async function expectReplays(run: string): Promise<void> {
  const { code, stderr } = await collmNas(["replay", run]);
  expect(code, stderr).toBe(0);
}

describe("a run with a model", () => {
  test("is paused, given hints, let go on, stopped, resumed and replayed", async () => {
    // Requests 0 and 1 are round 1, 2 and 3 round 2, 4 and 5 round 3.
    const { server, letGo, untilAsked } = await model(0, 4);
    const run = newRun();
    const first = startRun(server.baseUrl, run);
    await untilAsked(0);
    expect(statSync(control(run)).mode & 0o777).toBe(0o600);

    const pause = await steer(run, "pause", "--json");
    expect(pause.code, pause.stderr).toBe(0);
    expect(JSON.parse(pause.stdout)).toEqual({
      ok: true,
      words: "the run pauses after the current round",
    });
    letGo(0);
    await until("the run is paused", () => recorded(run, "run-paused").length === 1);
    expect(recorded(run, "run-paused")).toMatchObject([{ round: 1 }]);
    expect(recorded(run, "round-closed")).toHaveLength(1);
    expect((await collmNas(["show", run])).stdout).toContain("not finished: paused");

    const hints = await Promise.all([
      steer(run, "hint", "try skip_connect first"),
      steer(run, "hint", "then pooling\nin the last slot"),
    ]);
    for (const { code, stdout, stderr } of hints) {
      expect(code, stderr).toBe(0);
      expect(stdout).toBe("the Navigator gets the hint with the request for the strategy of round 2\n");
    }
    expect(recorded(run, "hint-given")).toMatchObject([{ round: 2 }, { round: 2 }]);
    // It still waits: nothing more was asked.
    expect(server.requests).toHaveLength(2);
    expect(events(run).at(-1)?.type).toBe("hint-given");

    expect((await steer(run, "resume")).stdout).toBe("the run continues\n");
    await untilAsked(4);
    expect(recorded(run, "run-continued")).toMatchObject([{ round: 1 }]);
    const [opening, , second, generator, third] = server.requests.map(lastMessage);
    expect(second).toContain("- try skip_connect first");
    expect(second).toContain("- then pooling\n  in the last slot");
    for (const other of [opening, generator, third]) expect(other).not.toContain("skip_connect first");
    await untilSaid(first, /paused; continue with:\s.*steer .* resume/);
    await untilSaid(first, "a hint by a person");

    const stop = await steer(run, "stop");
    expect(stop.code, stop.stderr).toBe(0);
    const { code, stderr } = await first.ended;
    expect(code, stderr).toBe(3);
    expect(existsSync(control(run))).toBe(false);
    const gone = await steer(run, "pause");
    expect([gone.code, gone.stderr]).toEqual([
      2,
      `collm-nas: no process takes orders for ${run}: it is not running\n`,
    ]);

    letGo(4);
    const summary = await json(["resume", run]);
    expect(summary).toMatchObject({ status: "ended", stopReason: "budget", hints: 2 });
    await expectReplays(run);
    expect((await collmNas(["show", run])).stdout).toContain("2 hints by a person");
    const { stdout } = await collmNas(["show", run, "--round", "2"]);
    expect(stdout).toContain("hint by a person: try skip_connect first");
    expect((await collmNas(["show", run, "--round", "3"])).stdout).not.toContain("hint by a person");
  });

  test("goes on by resume after it was killed in a pause", async () => {
    const { server, letGo, untilAsked } = await model(0);
    const run = newRun();
    const first = startRun(server.baseUrl, run, 12);
    await untilAsked(0);
    await steer(run, "pause");
    letGo(0);
    await until("the run is paused", () => recorded(run, "run-paused").length === 1);
    await steer(run, "hint", "given in the pause");
    first.kill("SIGKILL");
    await first.ended;
    expect(existsSync(control(run))).toBe(true);
    const refused = await steer(run, "resume");
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining("it is not running")]);

    const summary = await json(["resume", run]);
    expect(summary).toMatchObject({ status: "ended", stopReason: "budget", hints: 1 });
    expect(lastMessage(server.requests[2])).toContain("given in the pause");
    expect(existsSync(control(run))).toBe(false);
    await expectReplays(run);
  });
});

describe("a run with written rules", () => {
  test("refuses a hint, but pauses and goes on", async () => {
    const slow = await startEvaluator({ slowSeconds: 0.2 });
    const run = newRun();
    const file = temporaryFile("search.yaml", `space: ${space}\nbudget: 60\ncandidates: {min: 4, max: 4}\n`);
    const running = start(["run", file, "--evaluator", slow.address, "--out", run]);
    // The first event is stored only after the socket takes orders.
    await untilRecorded(run, 1);
    const hint = await steer(run, "hint", "look", "--json");
    expect(hint.code).toBe(2);
    const words = 'searcher "rules" does not ask a Navigator in every round: a hint might reach nobody';
    expect(JSON.parse(hint.stdout)).toEqual({ ok: false, words });
    const plain = await steer(run, "hint", "look");
    expect([plain.code, plain.stdout, plain.stderr]).toEqual([2, "", `collm-nas: ${words}\n`]);

    const sent = httpRequest({ socketPath: control(run), path: "/hint", method: "POST", agent: false });
    sent.end('{"text": "look"}');
    const [response] = (await once(sent, "response")) as [IncomingMessage];
    response.resume();
    expect(response.statusCode).toBe(409);

    expect((await steer(run, "pause")).code).toBe(0);
    await until("the run is paused", () => recorded(run, "run-paused").length === 1);
    expect((await steer(run, "resume")).code).toBe(0);
    const { code, stderr } = await running.ended;
    expect(code, stderr).toBe(0);
    await expectReplays(run);
    expect(events(run).map(({ type }) => type)).not.toContain("hint-given");
    await slow.kill();
  });
});

describe("an order that cannot be given", () => {
  test.each([
    [["hint"], "a hint needs some words"],
    [["hint", "  "], "a hint needs some words"],
    [["pause", "now"], "pause takes no text"],
    [["stop"], "there is no run in "],
    [["wait"], "Allowed choices are pause, resume, stop, hint"],
  ])("%s", async (order, words) => {
    const { code, stdout, stderr } = await steer(newRun(), ...order);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(words);
    expect(stderr.trim().split("\n")).toHaveLength(1);
  });
});
