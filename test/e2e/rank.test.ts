/**
 * The ranking experiment as a person makes it: the real evaluator, a real HTTP server in the place of the model, and
 * the record that is gone on with.
 */
import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RankerSummary, RankingSummary } from "../../src/cli/ranking-summary.ts";
import type { Trial } from "../../src/ranking/record.ts";
import { Space, type SpaceDescription } from "../../src/search/space.ts";
import {
  collmNas,
  evaluator,
  type Ended,
  killAt,
  root,
  type Settings,
  start,
  startEvaluator,
  temporaryFile,
  temporaryFolder,
  until,
} from "../support/cli.ts";
import { type EvaluateCall, type GrpcServer, outcomeFor, startGrpcServer } from "../support/grpc-server.ts";
import {
  type Answer,
  chat,
  type ModelRequest,
  type ModelServer,
  serverError,
  stalledHeaders,
  startModelServer,
} from "../support/model-server.ts";
import { tinyCosts, tinyDescription, tinySpace } from "../support/tiny-space.ts";

const spaceId = "analognas-baseline";
const trials = 9;
const one = expect.closeTo(1, 9);

let space: Space;
/** The controls of the experiment that the models are put to, and the accuracies of what is drawn in it. */
let controls: RankingSummary;
const values = new Map<string, number>();
/** The same trials, ranked by a model that is always right. */
let right: Ranked;
let rightRequests: readonly ModelRequest[];
const servers: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  const described = await collmNas(["spaces", spaceId, "--json", "--evaluator", evaluator.address]);
  const { size: _size, ...description } = JSON.parse(described.stdout) as SpaceDescription & { size: string };
  space = new Space(description);
  controls = (await rank([])).summary;
  for (const { architectures } of stored(controls.file).trials)
    for (const { text, value } of architectures) values.set(text, value);
  const server = await serve(perfect);
  right = await rank(model(server));
  rightRequests = server.requests;
});
afterAll(() => Promise.all(servers.map((each) => each.close())));

interface Ranked {
  readonly ended: Ended;
  readonly summary: RankingSummary;
}

/** Ranks the cells of `spaceId`; `flags` come last, where they win. */
async function rank(flags: readonly string[], settings: Settings = {}): Promise<Ranked> {
  const ended = await collmNas(commandLine(flags), settings);
  return { ended, summary: JSON.parse(ended.stdout || "null") as RankingSummary };
}

function commandLine(flags: readonly string[]): string[] {
  const where = ["--space", spaceId, "--evaluator", evaluator.address];
  return ["rank", ...where, "--trials", `${trials}`, "--out", newFile(), "--json", ...flags];
}

function newFile(): string {
  return join(temporaryFolder(), "ranking.jsonl");
}

function stored(file: string): { header: { config: Record<string, unknown> }; trials: Trial[] } {
  const [header, ...rest] = readFileSync(file, "utf8").split("\n").slice(0, -1);
  return { header: JSON.parse(header ?? ""), trials: rest.map((line) => JSON.parse(line) as Trial) };
}

async function serve(script: (request: ModelRequest, index: number) => Answer): Promise<ModelServer> {
  const server = await startModelServer(script);
  servers.push(server);
  return server;
}

const model = ({ baseUrl }: ModelServer) => ["--model", "test-model", "--base-url", baseUrl];

/** The accuracies of the architectures that a request shows, in the order shown. */
function shownValues({ body }: ModelRequest): number[] {
  const question = String(body.messages?.find(({ role }) => role === "user")?.["content"]);
  return [...question.matchAll(/^\d+\. (\{.*\})$/gm)].map(([, json]) => {
    const parsed = space.parse(json);
    return values.get(parsed.ok ? parsed.architecture.text : "") ?? Number.NaN;
  });
}

/** The right answer. */
function ranking(request: ModelRequest): number[] {
  const shown = shownValues(request);
  return shown
    .map((_, at) => at + 1)
    .sort((first, second) => (shown[second - 1] ?? 0) - (shown[first - 1] ?? 0));
}

const answer = (list: readonly unknown[]) => chat(JSON.stringify({ ranking: list }));
const perfect = (request: ModelRequest) => answer(ranking(request));

function expectOneLine({ code, stdout, stderr }: Ended, exitCode: number, text: string): void {
  expect(stderr).toContain(text);
  expect(stderr).toMatch(/^collm-nas: [^\n]+\n$/);
  expect(code).toBe(exitCode);
  expect(stdout).toBe("");
}

const first = ({ rankers }: RankingSummary) => rankers[0] as RankerSummary;
const ofCosts = ({ rankers }: RankingSummary) => rankers.filter(({ cost }) => cost !== null);

/** What was drawn, asked and answered, without times. */
function contents(file: string): unknown[] {
  return stored(file).trials.map(({ at: _at, replies, ...rest }) => ({
    ...rest,
    // How a server is asked is found out anew by each process.
    replies: replies.map(({ reply: { seconds: _seconds, probes: _probes, ...reply }, rejected }) => ({
      reply,
      rejected,
    })),
  }));
}

describe("without a model", () => {
  test("the costs are set against the accuracies, and it is said that nothing else is", async () => {
    expect(controls).toMatchObject({
      status: "ended",
      space: spaceId,
      split: "search",
      metric: "accuracy",
      trials,
      asked: trials,
      cells: 10,
      draws: "fresh",
      model: null,
      architectures: { measured: 15_625, failed: 0 },
      spend: null,
    });
    expect(controls.rankers.map(({ ranker }) => ranker)).toEqual(["by flops_m", "by params_m"]);
    for (const { tau, bestFirst, readable, unreadable } of controls.rankers) {
      expect([readable, unreadable]).toEqual([trials, 0]);
      expect(tau?.mean).toBeGreaterThan(0.2);
      expect(tau?.mean).toBeLessThan(0.95);
      expect(tau?.low).toBeLessThanOrEqual(tau?.mean as number);
      expect(tau?.high).toBeGreaterThanOrEqual(tau?.mean as number);
      expect(bestFirst?.trials).toBe(trials);
    }
    const ended = await collmNas(commandLine([]).filter((word) => word !== "--json"));
    expect(ended.stderr).toContain("no model named: controls only");
    expect(ended.stdout).toContain("no model named: controls only");
    expect(ended.stdout).toMatch(/^by flops_m +\d\.\d{3} \(\d\.\d{3} to \d\.\d{3}\)/m);
  });

  test("the same seed gives the same trials and figures, another seed others", async () => {
    const [again, other] = [(await rank([])).summary, (await rank(["--seed", "1"])).summary];
    expect(contents(again.file)).toEqual(contents(controls.file));
    expect(again.rankers).toEqual(controls.rankers);
    expect(contents(other.file)).not.toEqual(contents(controls.file));
  });

  test("each trial holds one of each tenth by accuracy, or one set for all", async () => {
    const all = stored(controls.file).trials.map(
      ({ architectures }) => new Set(architectures.map(({ text }) => text)),
    );
    expect(new Set(all.map((set) => [...set].sort().join())).size).toBe(trials);
    const { summary } = await rank(["--draws", "fixed", "--cells", "5"]);
    const sets = stored(summary.file).trials.map(({ architectures }) =>
      architectures.map(({ text }) => text),
    );
    expect(new Set(sets.map((texts) => [...texts].sort().join())).size).toBe(1);
    expect(new Set(sets.map((texts) => texts.join())).size).toBeGreaterThan(1);
    expect(sets[0]).toHaveLength(5);
    const page = await collmNas(commandLine(["--draws", "fixed"]).filter((word) => word !== "--json"));
    expect(page.stdout).toContain("the intervals say nothing of other sets");
  });

  test("--by names the only cost", async () => {
    const { summary } = await rank(["--by", "params_m"]);
    expect(summary.rankers).toEqual(controls.rankers.filter(({ cost }) => cost === "params_m"));
  });

  test("more trials go on where the record ends", async () => {
    const out = newFile();
    await rank(["--out", out, "--trials", "2"]);
    const before = readFileSync(out, "utf8");
    const { summary } = await rank(["--out", out]);
    expect(readFileSync(out, "utf8").startsWith(before)).toBe(true);
    expect(summary.rankers).toEqual(controls.rankers);
    const fewer = (await rank(["--out", out, "--trials", "2"])).summary;
    expect(fewer).toMatchObject({ trials: 2, asked: 2 });
  });

  test("the record is put under rankings/ by default, named after what it is", async () => {
    const cwd = temporaryFolder();
    const args = ["rank", "--space", spaceId, "--evaluator", evaluator.address, "--trials", "1"];
    const ended = await collmNas(args, { cwd });
    expect(ended.code, ended.stderr).toBe(0);
    const [name = ""] = readdirSync(join(cwd, "rankings"));
    expect(name).toMatch(/^analognas-baseline-controls-seed0-\d{8}-\d{6}\.jsonl$/);
    expect(ended.stdout).toContain(`rankings/${name}`);
  });
});

describe("a model", () => {
  test("that knows the accuracies is right in every trial, beside the same controls", () => {
    const { summary, ended } = right;
    expect(ended.code, ended.stderr).toBe(0);
    expect(first(summary)).toMatchObject({
      ranker: "test-model",
      cost: null,
      readable: trials,
      unreadable: 0,
      tau: { mean: one, low: one, high: one, trials },
      bestFirst: { mean: 1, trials },
    });
    expect(ofCosts(summary)).toEqual(controls.rankers);
    expect(summary.spend).toMatchObject({
      replies: trials,
      unreadableReplies: 0,
      failedAttempts: 0,
      inputTokens: 11 * trials,
      outputTokens: 7 * trials,
    });
    expect(rightRequests).toHaveLength(trials);
  });

  test("that has it the wrong way round gets -1", async () => {
    const { summary } = await rank(model(await serve((request) => answer(ranking(request).reverse()))));
    expect(first(summary)).toMatchObject({
      tau: { mean: expect.closeTo(-1, 9) },
      bestFirst: { mean: 0 },
      readable: trials,
    });
  });

  test("is shown structure and no number, under a schema, and with the settings of the Navigator", async () => {
    const file = temporaryFile(
      "rank.yaml",
      `task: The networks classify small photographs.
model: {name: test-model, roles: {navigator: {temperature: 0.1}, generator: {temperature: 0.9}}}
`,
    );
    const server = await serve(perfect);
    const { ended } = await rank([file, ...model(server)]);
    expect(ended.code, ended.stderr).toBe(0);
    const [request] = server.requests;
    expect(request?.body).toMatchObject({
      model: "test-model",
      temperature: 0.1,
      response_format: { type: "json_schema", json_schema: { strict: true } },
    });
    const text = JSON.stringify(request?.body.messages);
    expect(text).toContain("The networks classify small photographs.");
    expect(text).toContain("node j is the sum");
    expect(text).not.toMatch(/nas-?bench|analog|cifar|\d\.\d/i);
    expect(new Set(server.requests.map(({ body }) => body.seed)).size).toBe(trials);
  });

  test("is asked for free text where the server knows no schema", async () => {
    const file = temporaryFile("rank.yaml", "structured: false\n");
    const server = await serve((request) => {
      const list = ranking(request);
      return chat(
        `At first: [${list.toReversed().join()}]. Then:\n\n\`\`\`json\n{"ranking": [${list.join()}]}\n\`\`\``,
      );
    });
    const { summary } = await rank([file, ...model(server)]);
    expect(first(summary)).toMatchObject({ tau: { mean: one }, unreadable: 0 });
    expect(server.requests.map(({ body }) => body.response_format)).toEqual(
      server.requests.map(() => undefined),
    );
  });

  test("leaves no key in the record and on no surface", async () => {
    const key = "sk-test-0123456789abcdef";
    const server = await serve(perfect);
    const { ended, summary } = await rank(model(server), { env: { OPENAI_API_KEY: key } });
    expect(server.requests[0]?.headers.authorization).toBe(`Bearer ${key}`);
    expect(ended.stdout + ended.stderr + readFileSync(summary.file, "utf8")).not.toContain(key);
  });
});

describe("a reply that is no ranking", () => {
  const bad: ((list: number[]) => Answer)[] = [
    () => chat("They all look fine to me."),
    () => chat(""),
    () => chat(null),
    (list) => answer(list.slice(1)),
    (list) => answer([list[0], list[0], ...list.slice(2)]),
    (list) => answer([...list.slice(0, 9), 11]),
    (list) => answer(list.map((number) => number - 1)),
    (list) => answer([...list, 1]),
    (list) => answer(list.map(String)),
  ];

  test("is asked for once more with the reasons, and counted", async () => {
    const server = await serve((request, index) =>
      index % 2 === 0 ? (bad[index / 2] as (typeof bad)[0])(ranking(request)) : perfect(request),
    );
    const count = bad.length;
    expect(count).toBeLessThanOrEqual(trials);
    const { summary, ended } = await rank([...model(server), "--trials", `${count}`]);
    expect(ended.code, ended.stderr).toBe(0);
    expect(first(summary)).toMatchObject({ readable: count, unreadable: 0, tau: { mean: one } });
    expect(summary.spend).toMatchObject({ replies: 2 * count, unreadableReplies: count });
    for (const { body } of server.requests.filter((_, index) => index % 2 === 1))
      expect(body.messages?.at(-1)?.["content"]).toContain("could not be used");
    expect(ended.stderr).toContain("trial 2 of 9: τ-b 1.000, read at the second attempt");
  });

  test("twice is left out of the means, and is no zero", async () => {
    const server = await serve((request, index) => (index < 2 ? chat("no") : perfect(request)));
    const { summary, ended } = await rank(model(server));
    expect(first(summary)).toMatchObject({
      readable: trials - 1,
      unreadable: 1,
      tau: { mean: one, trials: trials - 1 },
      bestFirst: { mean: 1, trials: trials - 1 },
    });
    expect(ofCosts(summary)).toEqual(controls.rankers);
    expect(ended.stderr).toContain("trial 1 of 9: neither reply could be read");
  });

  test("every time is paid for a few times, leaves no figure at all and says why", async () => {
    const server = await serve(() => chat('{"ranking": "none"}'));
    const { summary, ended } = await rank(model(server));
    expect(ended.code).toBe(4);
    expect(ended.stderr).toMatch(
      /no reply of test-model could be read in 5 trials \(.+\); try another model/,
    );
    expect(summary).toMatchObject({ status: "failed", reason: expect.stringContaining("could be read") });
    expect(first(summary)).toMatchObject({ readable: 0, unreadable: 5, tau: null, bestFirst: null });
    expect(summary.spend).toMatchObject({ replies: 10, unreadableReplies: 10 });
    const file = ["--trials", "6", "--out", summary.file, ...model(server)];
    const page = await collmNas(commandLine(file).filter((word) => word !== "--json"));
    expect(page.code).toBe(4);
    expect(page.stdout).toMatch(/^test-model +not defined +not defined +0 of 6$/m);
  });
});

describe("an experiment that was broken off", () => {
  /** Goes on with a record by a model that is always right; returns how many requests that took. */
  async function goOn(out: string): Promise<number> {
    const server = await serve(perfect);
    const { summary, ended } = await rank(["--out", out, ...model(server)]);
    expect(ended.code, ended.stderr).toBe(0);
    expect(first(summary)).toMatchObject({ readable: trials, tau: { mean: one, trials } });
    expect(ofCosts(summary)).toEqual(controls.rankers);
    expect(contents(out)).toEqual(contents(right.summary.file));
    return server.requests.length;
  }

  test("by a server that keeps failing ends with exit 3 and the way to go on", async () => {
    const out = newFile();
    const file = temporaryFile("rank.yaml", "model: {name: test-model, retries: 1}\n");
    const bad = await serve((request, index) => (index < 2 ? perfect(request) : serverError()));
    const { ended, summary } = await rank([file, "--out", out, ...model(bad)]);
    expect(ended.code, ended.stderr).toBe(3);
    expect(ended.stderr).toContain("failed (500: ");
    expect(ended.stderr).toContain("waiting ");
    const line = /then go on with: (.*)$/m.exec(ended.stderr)?.[1] ?? "";
    expect(line).toContain(`bin/collm-nas rank ${file} --`);
    for (const words of [`--space ${spaceId}`, `--out ${out}`, `--trials ${trials}`, "--model test-model"])
      expect(line).toContain(words);
    expect(summary).toMatchObject({ status: "failed", trials: 2, asked: trials });
    expect(first(summary)).toMatchObject({ readable: 2, tau: { mean: one } });
    expect(await goOn(out)).toBe(trials - 2);
  });

  test("before the first trial leaves no record behind", async () => {
    const out = newFile();
    const file = temporaryFile("rank.yaml", "model: {name: test-model, retries: 0}\n");
    const { ended } = await rank([file, "--out", out, ...model(await serve(() => serverError()))]);
    expect(ended.code, ended.stderr).toBe(3);
    expect(ended.stdout).toBe("");
    expect(existsSync(out)).toBe(false);
  });

  test.each([
    ["after a trial", 4, 3],
    ["in the middle of writing one", 4.5, 3],
  ])("by a kill %s goes on there", async (_when, place, kept) => {
    const out = newFile();
    const server = await serve(perfect);
    const { ended } = await rank(["--out", out, ...model(server)], { env: killAt(place) });
    expect(ended.signal).toBe("SIGKILL");
    expect(readFileSync(out, "utf8").endsWith("\n")).toBe(Number.isInteger(place));
    expect(await goOn(out)).toBe(trials - kept);
  });

  test("by Ctrl-C says how to go on", async () => {
    const out = newFile();
    const server = await serve((request, index) => (index < 2 ? perfect(request) : stalledHeaders()));
    const run = start(commandLine(["--out", out, ...model(server)]));
    await until("the third trial is asked for", () => server.requests.length === 3);
    run.interrupt();
    const ended = await run.ended;
    expect(ended.code, ended.stderr).toBe(3);
    expect(ended.stderr).toContain("then go on with: ");
    expect(JSON.parse(ended.stdout)).toMatchObject({ status: "interrupted", trials: 2 });
    expect(await goOn(out)).toBe(trials - 2);
  });
});

describe("a record that is there", () => {
  test.each([
    [["--seed", "1"], "another seed: 0 there, 1 here"],
    [["--cells", "5"], "another cells: 10 there, 5 here"],
    [["--draws", "fixed"], 'another draws: "fresh" there, "fixed" here'],
    [["--space", "analognas-ptq"], `another space: "${spaceId}" there, "analognas-ptq" here`],
    [["--model", "m", "--base-url", "http://127.0.0.1:9/v1"], 'another model: none there, "m" here'],
  ])("is not gone on with under %j", async (flags, words) => {
    const before = readFileSync(controls.file, "utf8");
    const { ended } = await rank(["--out", controls.file, ...flags]);
    expectOneLine(ended, 2, words);
    expect(readFileSync(controls.file, "utf8")).toBe(before);
  });

  test("and is something else is left as it is", async () => {
    for (const text of ["notes", "notes\n", '{"type": "run-started"}\n{"v": 1']) {
      const out = temporaryFile("notes.txt", text);
      expectOneLine((await rank(["--out", out])).ended, 2, "holds something else");
      expect(readFileSync(out, "utf8")).toBe(text);
    }
  });

  test("with a line that was changed is not trusted", async () => {
    const text = readFileSync(controls.file, "utf8");
    const out = temporaryFile("ranking.jsonl", text.replace('"trial":3', '"trial":4'));
    expectOneLine((await rank(["--out", out])).ended, 5, "line 4: trial 4 cannot stand here");
    writeFileSync(out, text.replace(/("value":)[0-9.]+/, "$112.5"));
    const { ended } = await rank(["--out", out]);
    expect(ended.code).toBe(5);
    expect(ended.stderr).toContain("trial 1 in ");
    writeFileSync(out, text);
    appendFileSync(out, "no JSON\n");
    expectOneLine((await rank(["--out", out])).ended, 5, "line 11: not JSON");
  });
});

describe("what cannot be ranked", () => {
  const opened: GrpcServer[] = [];
  const tiny = tinySpace();
  afterAll(() => Promise.all(opened.map((each) => each.kill())));

  /** An evaluator of the tiny space, described otherwise. */
  async function serveTiny(
    changes: Partial<SpaceDescription>,
    evaluate: Parameters<typeof startGrpcServer>[0] = {},
  ): Promise<string[]> {
    const described = { ...tinyDescription, ...changes };
    const server = await startGrpcServer({
      DescribeSpace: (_call, done) => done(null, { space: described }),
      ...evaluate,
    });
    opened.push(server);
    return ["--space", "tiny", "--evaluator", server.address];
  }

  test.concurrent.each([
    [["--space", "analognas-basline"], 'did you mean "analognas-baseline"?'],
    [["--by", "flop_m"], 'has no cost "flop_m"; they are flops_m, params_m; did you mean "flops_m"?'],
    [["--split", "test"], `space ${spaceId} has no split "test"; it has search`],
    [["--split", "dev"], "It has to be search or test"],
    [["--draws", "few"], "It has to be fresh or fixed"],
    [["--trials", "0"], "It has to be a whole number of at least 1"],
    [["--trials", "many"], "It has to be a whole number of at least 1"],
    [["--cells", "1"], "It has to be a whole number of at least 2"],
    [["--cells", "15626"], "--cells 15626 is more than can be drawn: there are 15625 architectures"],
    [["--trials", "1001"], "--trials 1001 is more than 1000"],
    [["--base-url", "http://127.0.0.1:9/v1"], "no model named; name one with --model"],
    [["--budget", "5"], "unknown option '--budget'"],
  ])("%j gets one line", async (flags, words) => {
    expectOneLine((await rank(flags)).ended, 2, words);
  });

  test("a file that wants the search blind", async () => {
    const file = temporaryFile("blind.yaml", "blind: true\n");
    expectOneLine((await rank([file])).ended, 2, '"blind"');
  });

  test("a space too large to be measured whole", async () => {
    const [dimension] = tinyDescription.dimensions;
    const large = {
      ...(dimension as NonNullable<typeof dimension>),
      choices: ["1", "2", "3"],
      groups: [{ name: "stages", size: 40 }],
      slotNames: [],
    };
    const { ended } = await rank(await serveTiny({ dimensions: [large] }));
    expectOneLine(ended, 2, `has ${3n ** 40n} architectures, more than the 50000`);
  });

  test("more cells than architectures", async () => {
    const { ended } = await rank([...(await serveTiny({})), "--cells", "145"]);
    expectOneLine(ended, 2, "--cells 145 is more than can be drawn: there are 144 architectures");
  });

  test("a space without costs needs a model", async () => {
    const { ended } = await rank(await serveTiny({ costs: [] }));
    expectOneLine(ended, 2, "has no costs to rank by; name a model with --model");
  });

  test("what fails to be measured is left out and counted", async () => {
    const fails = (call: EvaluateCall, index: number) =>
      call.request.architectures[index]?.includes("16") === true;
    const flags = await serveTiny(
      {},
      {
        Evaluate: (call: EvaluateCall) => {
          for (const [index, architecture] of call.request.architectures.entries()) {
            const failure = { kind: "OUT_OF_MEMORY", message: "no room" } as const;
            call.write(
              fails(call, index) ? { outcome: { index, architecture, failure } } : outcomeFor(call, index),
            );
          }
          call.end();
        },
      },
    );
    const { summary, ended } = await rank([...flags, "--split", "test"]);
    expect(ended.code, ended.stderr).toBe(0);
    // Of the 144, those whose active layers are all 24 or 32 wide: (2 + 4)².
    expect(summary.architectures).toEqual({ measured: 36, failed: 108 });
    expect(readFileSync(summary.file, "utf8")).not.toContain("[16");
    const none = await serveTiny(
      {},
      {
        Evaluate: (call: EvaluateCall) => {
          for (const [index, architecture] of call.request.architectures.entries())
            call.write({ outcome: { index, architecture, failure: { kind: "CRASHED", message: "boom" } } });
          call.end();
        },
      },
    );
    const fruitless = (await rank(none)).ended;
    expect([fruitless.code, fruitless.stdout]).toEqual([7, ""]);
    expect(fruitless.stderr).toContain("collm-nas: nothing to rank: all 144 evaluations failed");
    const tooMany = (await rank([...flags, "--cells", "40"])).ended;
    expect(tooMany.code).toBe(2);
    expect(tooMany.stderr).toContain("108 evaluations failed: there are 36 architectures");
  });

  test("an evaluator that stops answering is no failure of architectures", async () => {
    const flags = await serveTiny({}, { Evaluate: (call: EvaluateCall) => call.end() });
    const { ended } = await rank(flags);
    expect(ended.code, ended.stderr).toBe(3);
    expect(ended.stderr).toContain("architectures unanswered");
  });

  test("lower values are better where the metric says so", async () => {
    // Every cell scores what it costs.
    const Evaluate = (call: EvaluateCall) => {
      for (const [index, architecture] of call.request.architectures.entries()) {
        const accuracy = tinyCosts(tiny.fromText(architecture))["flops_m"] as number;
        call.write({ outcome: { index, architecture, measurement: { metrics: { accuracy }, seconds: 0 } } });
      }
      call.end();
    };
    const [metric] = tinyDescription.metrics;
    const metrics = [{ ...(metric as NonNullable<typeof metric>), higherIsBetter: false }];
    const up = (await rank(await serveTiny({}, { Evaluate }))).summary;
    const down = (await rank(await serveTiny({ metrics }, { Evaluate }))).summary;
    expect(first(up)).toMatchObject({ tau: { mean: one }, bestFirst: { mean: one } });
    expect(first(down)).toMatchObject({ tau: { mean: expect.closeTo(-1, 9) }, bestFirst: { mean: 0 } });
  });
});

const csv = join(root, "../shared/nasbench201/nasbench201.csv");
const table = existsSync(csv);

describe.skipIf(!table)(table ? "the table of NAS-Bench-201" : `NAS-Bench-201 (skipped: no ${csv})`, () => {
  test("has 400 trials ranked by FLOPs at a τ-b of 0.6 to 0.65 by CIFAR-10 test accuracy", async () => {
    const config = temporaryFile("evaluator.yaml", `nasbench201: {csv: ${JSON.stringify(csv)}}\n`);
    const { address, kill } = await startEvaluator({ config });
    const flags = ["--space", "nasbench201-cifar10", "--split", "test", "--evaluator", address];
    const { summary, ended } = await rank([...flags, "--trials", "400"]);
    await kill();
    expect(ended.code, ended.stderr).toBe(0);
    const { tau } = first(summary);
    expect(tau?.mean).toBeGreaterThan(0.6);
    expect(tau?.mean).toBeLessThan(0.65);
    expect((tau?.high ?? 1) - (tau?.low ?? 0)).toBeLessThan(0.04);
  });
});
