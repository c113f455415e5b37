/** Whether a run would work, and what it will take: both commands as a user calls them. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import {
  collmNas,
  evaluator,
  type Ended,
  events,
  newRun,
  temporaryFile,
  temporaryFolder,
} from "../support/cli.ts";
import {
  type Answer,
  chat,
  type ModelRequest,
  type ModelServer,
  playRoles,
  refusal,
  startModelServer,
  unauthorized,
} from "../support/model-server.ts";

import { ollama } from "../support/servers/ollama.ts";
import { tokensIn } from "../support/servers/small-model.ts";

const space = "analognas-baseline";
const good = playRoles();
const key = "sk-test-0123456789abcdef";

const servers: ModelServer[] = [];

afterAll(() => Promise.all(servers.map((each) => each.close())));

async function serve(script: (request: ModelRequest) => Answer): Promise<ModelServer> {
  const started = await startModelServer(script, 0, { probes: "scripted" });
  servers.push(started);
  return started;
}

interface Report {
  readonly ok: boolean;
  readonly findings: readonly { check: string; status: string; what: string; next?: string }[];
  readonly spent: { readonly calls: number; readonly outputTokens: number; readonly usd: number | null };
}

/** What the doctor finds of a model at `url`; `settings` are further keys of the model. */
async function examine(url: string, settings = "", yaml = ""): Promise<{ ended: Ended; report: Report }> {
  const file = temporaryFile(
    "search.yaml",
    `space: ${space}\nmodel: {name: test, baseUrl: "${url}", keyVariable: TEST_KEY${settings}}\n${yaml}`,
  );
  const ended = await collmNas(["doctor", file, "--evaluator", evaluator.address, "--json"], {
    env: { TEST_KEY: key },
  });
  expect(`${ended.stdout}${ended.stderr}`).not.toContain(key);
  return { ended, report: JSON.parse(ended.stdout) as Report };
}

/** A server that counts a token for four characters of a prompt. */
function costly(request: ModelRequest): Answer {
  return (response, incoming) => {
    const end = response.end.bind(response) as (body: string) => typeof response;
    response.end = ((body: string) =>
      end(
        body.replace(
          '"prompt_tokens":11',
          `"prompt_tokens":${tokensIn(JSON.stringify(request.body.messages))}`,
        ),
      )) as typeof response.end;
    return good(request)(response, incoming);
  };
}

const found = ({ findings }: Report, check: string) => findings.filter((finding) => finding.check === check);

describe("doctor", () => {
  test("finds everything in order, and tells what it took to find out", async () => {
    const { baseUrl, requests } = await serve(good);
    const prices = "prices: {test: {input: 1, output: 2}}";
    const { ended, report } = await examine(baseUrl, ", contextTokens: 16000", prices);
    expect(ended.code, JSON.stringify(report)).toBe(0);
    expect(report.ok).toBe(true);
    expect(found(report, "space")[0]?.what).toContain("15,625 architectures");
    expect(found(report, "model (navigator, generator)")[0]?.what).toContain('has "test"');
    expect(found(report, "structured output")).toMatchObject([
      { status: "ok", what: expect.stringMatching(/^json-schema: json-schema honoured/) as string },
    ]);
    expect(found(report, "Generator")[0]?.what).toMatch(/^(\d+) of \1 architectures are legal/);
    expect(found(report, "price")).toHaveLength(2);
    expect(report.spent.calls).toBe(requests.length);
    expect(report.spent.outputTokens).toBe(7 * requests.length);
    expect(report.spent.usd).toBeCloseTo((requests.length * (11 + 2 * 7)) / 1e6, 12);
  });

  test("finds a server that cuts prompts, in the words in which a run of it stops", async () => {
    const server = await ollama.start({ contextTokens: 2_048 });
    servers.push(server);
    const model = ["--model", ollama.model, "--base-url", server.baseUrl, "--evaluator", evaluator.address];
    const asked = ["--space", space, ...model];
    const cure = "OLLAMA_CONTEXT_LENGTH, or num_ctx in its Modelfile; vLLM: --max-model-len";
    const ended = await collmNas(["doctor", ...asked, "--json"]);
    expect(ended.code, ended.stderr).toBe(3);
    const report = JSON.parse(ended.stdout) as Report;
    expect(found(report, "long prompt")[0]).toMatchObject({
      status: "problem",
      what: expect.stringMatching(
        /cuts long conversations without a word: \d+ bytes were counted as 2048/,
      ) as string,
      next: expect.stringContaining(cure) as string,
    });
    const run = newRun();
    const stopped = await collmNas(["run", ...asked, "--budget", "100", "--out", run]);
    expect(stopped.code).toBe(3);
    expect(stopped.stderr).toContain(cure);
    expect(stopped.stderr.match(/The server cut this prompt/g)).toHaveLength(1);
    expect((await collmNas(["replay", run])).code).toBe(0);
    const short = await collmNas([
      "resume",
      run,
      "--on-truncation",
      "shorten",
      "--evaluator",
      evaluator.address,
    ]);
    expect(short.code, short.stderr).toBe(0);
    expect(short.stderr).toContain("older rounds are shortened");
    expect((await collmNas(["replay", run])).code).toBe(0);
  });

  test("tells a person the same, and that a run would work", async () => {
    const { baseUrl } = await serve(good);
    const line = [
      "--space",
      space,
      "--model",
      "test",
      "--base-url",
      baseUrl,
      "--evaluator",
      evaluator.address,
    ];
    const { code, stdout } = await collmNas(["doctor", ...line]);
    expect(code).toBe(0);
    expect(stdout).toContain("A run would work.");
    expect(stdout).toMatch(/This took \d calls: \d+ \+ \d+ tokens in/);
  });

  test("names the output mode of a server that takes no schema", async () => {
    const { baseUrl } = await serve((request) =>
      request.body.response_format === undefined ? good(request) : refusal(400, "response_format is unknown"),
    );
    const { ended, report } = await examine(baseUrl);
    expect(found(report, "structured output")[0]).toMatchObject({ status: "warning" });
    expect(found(report, "structured output")[0]?.what).toMatch(/^text: json-schema refused/);
    expect(ended.code).toBe(4);
    expect(found(report, "Generator")[0]).toMatchObject({ status: "problem" });
  });

  test.each([
    ["a key that is refused", () => unauthorized(), 3, "Navigator", "TEST_KEY"],
    [
      "replies that hold nothing",
      () => chat("I am a teapot, and nothing but a teapot."),
      4,
      "Generator",
      "architecture",
    ],
  ] as const)("says what is wrong with %s", async (_, answer, code, check, words) => {
    const { baseUrl } = await serve(answer);
    const { ended, report } = await examine(baseUrl);
    expect(ended.code).toBe(code);
    expect(report.ok).toBe(false);
    const [finding] = found(report, check);
    expect(finding).toMatchObject({ status: "problem" });
    expect(finding?.what).toContain(words);
  });

  test("says that nothing answers, asks nothing then, and exits as a run would", async () => {
    const { ended, report } = await examine("http://127.0.0.1:47999/v1");
    expect(ended.code).toBe(3);
    expect(found(report, "model (navigator, generator)")[0]).toMatchObject({
      status: "problem",
      what: expect.stringContaining(
        "the model server at http://127.0.0.1:47999/v1 cannot be reached",
      ) as string,
    });
    expect(report.spent.calls).toBe(0);
  });

  test("names a space that is not there, and the nearest one", async () => {
    const { code, stdout } = await collmNas([
      "doctor",
      "--space",
      "analognas-basline",
      "--evaluator",
      evaluator.address,
    ]);
    expect(code).toBe(2);
    expect(stdout).toMatch(/did you mean\s+"analognas-baseline"\?/);
    expect(stdout).toContain("A run would not work");
  });

  test("names the files of an evaluator's configuration, and the ones that are missing", async () => {
    const config = temporaryFile("evaluator.yaml", "cache_dir: ./cache-that-is-not-there\n");
    const { stdout } = await collmNas(["doctor", "--space", space, "--evaluator-config", config, "--json"]);
    const report = JSON.parse(stdout) as Report;
    expect(found(report, "data")[0]).toMatchObject({
      status: "warning",
      what: expect.stringMatching(/^cache_dir: .*cache-that-is-not-there is not there$/) as string,
    });
  });

  test("says that rules would search where no model is named", async () => {
    const { code, stdout } = await collmNas(["doctor", "--space", space, "--evaluator", evaluator.address]);
    expect(code).toBe(0);
    expect(stdout).toContain("searcher rules asks no model");
  });
});

describe("doctor and run", () => {
  const away = "http://127.0.0.1:47999/v1";
  const gone = join(temporaryFolder(), "file");
  const taken = () => {
    const run = newRun();
    mkdirSync(run);
    writeFileSync(join(run, "journal.jsonl"), "");
    return run;
  };
  const here = () => ["--evaluator", evaluator.address];
  const refusing = async () => (await serve(() => unauthorized())).baseUrl;

  test.each<[trouble: string, code: number, yaml: string, flags: () => string[] | Promise<string[]>]>([
    ["a searcher that is not there", 2, "searcher: evolutoin", here],
    ["a folder that is taken", 2, `out: ${taken()}`, here],
    ["a space that is not there", 2, "", () => [...here(), "--space", "analognas-basline"]],
    ["a server that is away", 3, "", () => [...here(), "--model", "m", "--base-url", away]],
    ["a key that is missing", 2, "", () => [...here(), "--model", "m"]],
    ["a key that is refused", 3, "", async () => [...here(), "--model", "m", "--base-url", await refusing()]],
    [
      "a price that is missing",
      2,
      "caps: {usd: 1}\nmodel: {name: m, maxTokens: 9}",
      () => [...here(), "--base-url", away],
    ],
    ["a file that is missing", 2, "", () => [...here(), "--model", `gguf:${gone}.gguf`]],
    ["an evaluator that is away", 3, "", () => ["--evaluator", "127.0.0.1:47998"]],
    ["an evaluator's configuration that is missing", 2, "", () => ["--evaluator-config", `${gone}.yaml`]],
  ])("say the same of %s", async (_, code, yaml, flags) => {
    const file = temporaryFile(
      "search.yaml",
      `space: ${space}\nbudget: 5\n${yaml.includes("out:") ? yaml : `out: ${newRun()}\n${yaml}`}\n`,
    );
    const given = await flags();
    const settings = { env: { OPENAI_API_KEY: "", XDG_CACHE_HOME: temporaryFolder() } };
    // One after the other: a run begins its folder, and doctor looks whether that is free.
    const examined = await collmNas(["doctor", file, ...given, "--json"], settings);
    const ran = await collmNas(["run", file, ...given], settings);
    const { findings } = JSON.parse(examined.stdout) as Report;
    const problem = findings.find(({ status }) => status === "problem")?.what ?? "";
    const told = ran.stderr.split("\n").findLast((line) => line.startsWith("collm-nas: ")) ?? "";
    const plainly = (words: string) =>
      words
        .replace(/^collm-nas: /, "")
        .replace(/; then continue with: .*$/, "")
        .replace(/ in the last of \d+ attempts/, "");
    expect(plainly(problem)).toBe(plainly(told));
    expect(problem).not.toBe("");
    expect([examined.code, ran.code]).toEqual([code, code]);
  });
});

describe("estimate", () => {
  test("states its assumptions where there is no earlier run", async () => {
    const line = ["--space", space, "--model", "gpt-5-mini", "--max-tokens", "900", "--cap", "tokens=5000"];
    const { code, stdout } = await collmNas(["estimate", ...line, "--evaluator", evaluator.address]);
    expect(code).toBe(0);
    expect(stdout).toContain("An estimate from stated assumptions");
    expect(stdout).toMatch(/^assumed +4 \(3 to 4\.5\) bytes a token/m);
    expect(stdout).toMatch(/cap on tokens: 5,000, reached/);
    expect(stdout).toContain("@pydantic/genai-prices");
    const price = ["--price", "input=0,output=0"];
    const own = await collmNas(["estimate", ...line, ...price, "--evaluator", evaluator.address]);
    expect(own.stdout).toMatch(/^money +0.00 USD/m);
    expect(own.stdout).toContain("--price input=0,output=0");
    expect(stdout).toMatch(/^time in all +not known/m);
  });

  test("takes an earlier run's tokens, and foresees the run of the same settings well", async () => {
    const { baseUrl } = await serve(good);
    const model = ["--model", "test", "--base-url", baseUrl, "--max-tokens", "500"];
    const search = ["--space", space, "--budget", "40", "--evaluator", evaluator.address, ...model];
    const run = newRun();
    const first = await collmNas(["run", ...search, "--out", run, "--json"]);
    expect(first.code, first.stderr).toBe(0);
    const { spend } = JSON.parse(first.stdout) as { spend: { inputTokens: number; chatCalls: number } };
    const { code, stdout, stderr } = await collmNas(["estimate", "--from", run, "--json"]);
    expect(code, stderr).toBe(0);
    const { estimate, grounds } = JSON.parse(stdout) as {
      estimate: { calls: { expected: number }; tokens: { expected: number } };
      grounds: { basis: string; words: string }[];
    };
    expect(grounds.some(({ basis }) => basis === "measured")).toBe(true);
    expect(Math.abs(estimate.calls.expected - spend.chatCalls)).toBeLessThanOrEqual(2);
    const tokens = spend.inputTokens + 7 * spend.chatCalls;
    expect(estimate.tokens.expected).toBeGreaterThan(0.5 * tokens);
    expect(estimate.tokens.expected).toBeLessThan(2 * tokens);
  });

  test("of a search that asks no model counts no calls", async () => {
    const line = ["--space", space, "--searcher", "random", "--evaluator", evaluator.address];
    const { code, stdout } = await collmNas(["estimate", ...line]);
    expect(code).toBe(0);
    expect(stdout).toContain("asks no model: no calls, no tokens, no money");
  });
});

describe("in a terminal of 80 columns", () => {
  const model = ["--model", "gpt-5-mini", "--max-tokens", "900", "--cap", "tokens=5000"];
  const cases: [string, () => readonly string[] | Promise<readonly string[]>][] = [
    ["doctor", async () => ["doctor", ...model, "--base-url", (await serve(good)).baseUrl]],
    ["estimate", () => ["estimate", ...model]],
    ["rank", () => ["rank", "--trials", "2", "--cells", "3", "--out", `${newRun()}.jsonl`]],
    ["spaces", () => ["spaces"]],
    ["spaces of one", () => ["spaces", space]],
  ];
  test.each(cases)("the tables of %s are no wider", async (name, flags) => {
    const where = [
      ...(name.startsWith("spaces") ? [] : ["--space", space]),
      "--evaluator",
      evaluator.address,
    ];
    const { stdout, stderr } = await collmNas([...(await flags()), ...where], { columns: 80 });
    expect(stdout, stderr).not.toBe("");
    // A command is not broken in two, nor is a path: the terminal itself breaks them.
    const isKept = (line: string) => /collm-nas |`|\/\S{30}/.test(line);
    for (const line of stdout.split("\n"))
      if (!isKept(line)) expect(line.length, line).toBeLessThanOrEqual(80);
  });
});

describe("a cap", () => {
  test("ends a run with what it bought, exit code 0, and a resume that raises it goes on", async () => {
    const { baseUrl, requests } = await serve(costly);
    const model = ["--model", "test", "--base-url", baseUrl, "--max-tokens", "100"];
    const run = newRun();
    const line = ["--space", space, "--evaluator", evaluator.address, ...model, "--budget", "60"];
    const first = await collmNas(["run", ...line, "--cap", "tokens=12000", "--out", run]);
    expect(first.code, first.stderr).toBe(0);
    expect(first.stdout).toContain("the cap on tokens is reached");
    expect(first.stdout).toMatch(
      /of 12000 tokens used, unknown ones at their most; the next call may need \d+/,
    );
    const before = requests.length;
    const same = await collmNas(["resume", run, "--cap", "tokens=10"]);
    expect(same.code).toBe(2);
    expect(same.stderr).toContain("--cap tokens=10 is no more than the run has used");
    const price = ["--price", "input=1,output=2,cached=0.5"];
    const more = await collmNas(["resume", run, "--cap", "tokens=1000000", ...price]);
    expect(more.code, more.stderr).toBe(0);
    expect(more.stdout).toContain("60 of 60 evaluations");
    expect(requests.length).toBeGreaterThan(before);
    const given = { inputUsd: 1, outputUsd: 2, cachedInputUsd: 0.5, source: "configuration" };
    const prices = events(run).flatMap((event) => (event.type === "run-resumed" ? [event.prices] : []));
    expect(prices).toEqual([{ navigator: given, generator: given }]);
    expect((await collmNas(["replay", run])).code).toBe(0);
  });

  test("on time beats a server that asks for hours of patience", async () => {
    const { baseUrl } = await serve(() => refusal(429, "come back tomorrow", { "retry-after": "36000" }));
    const run = newRun();
    const line = [
      "--space",
      space,
      "--evaluator",
      evaluator.address,
      "--model",
      "test",
      "--base-url",
      baseUrl,
    ];
    const { code, stdout, stderr } = await collmNas(["run", ...line, "--cap", "seconds=2", "--out", run]);
    expect(code, stderr).toBe(7);
    expect(stderr).toContain("ended without a usable winner: no evaluation gave a result");
    expect(stderr).toContain("waiting 10 h 0 min");
    expect(stdout).toContain("the cap on time is reached");
    expect((await collmNas(["replay", run])).code).toBe(0);
  });

  test("on money is refused before the start where a price is not known", async () => {
    const line = ["--space", space, "--evaluator", evaluator.address, "--model", "test"];
    const url = ["--base-url", "http://127.0.0.1:47999/v1", "--max-tokens", "100", "--cap", "usd=1"];
    const { code, stderr } = await collmNas(["run", ...line, ...url]);
    expect(code).toBe(2);
    expect(stderr).toContain('a cap on money needs the price of model "test"');
    expect(stderr).toContain("give it with --price input=USD,output=USD");
  });
});
