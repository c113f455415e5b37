/** The ranking experiment: what the controls say, and what is made of a model's good and bad answers. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { collmNas, root, startEvaluator, temporaryFile, temporaryFolder } from "../support/cli.ts";
import { type Answer, chat } from "../support/model-server.ts";
import {
  answer,
  commandLine,
  contents,
  controls,
  first,
  model,
  newFile,
  ofCosts,
  one,
  perfect,
  rank,
  ranking,
  real,
  right,
  rightRequests,
  serve,
  stored,
  trials,
} from "../support/rankings.ts";

describe("without a model", () => {
  test("the costs are set against the accuracies, and it is said that nothing else is", async () => {
    const { summary } = await rank(real);
    expect(summary).toMatchObject({
      status: "ended",
      space: "analognas-baseline",
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
    expect(summary.rankers.map(({ ranker }) => ranker)).toEqual(["by flops_m", "by params_m"]);
    for (const { tau, bestFirst, readable, unreadable } of summary.rankers) {
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
    expect(ended.stdout).toMatch(/^by flops_m +[-−]?\d\.\d{3} \([-−]?\d\.\d{3} to [-−]?\d\.\d{3}\)/m);
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
    const args = commandLine(["--trials", "1"]).filter((word) => word !== "--json");
    const ended = await collmNas(args.toSpliced(args.indexOf("--out"), 2), { cwd });
    expect(ended.code, ended.stderr).toBe(0);
    const [name = ""] = readdirSync(join(cwd, "rankings"));
    expect(name).toMatch(/^tiny-controls-seed0-\d{8}-\d{6}\.jsonl$/);
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
    const { ended } = await rank([file, ...real, ...model(server)]);
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
