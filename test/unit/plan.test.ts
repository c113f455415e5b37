import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { UsageError } from "../../src/errors.ts";
import { type PlanFlags, readPlan } from "../../src/app/plan.ts";

const folder = mkdtempSync(join(tmpdir(), "collm-nas-plan-"));
let files = 0;

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function plan(lines: string, flags: PlanFlags = {}) {
  const path = join(folder, `plan${++files}.yaml`);
  writeFileSync(path, lines);
  return readPlan(path, flags);
}

const small = "title: T\nspaces: [cells]\nseeds: 2\nsearchers: [evolution]\ncontrols: [random]\n";

/** `label on space` of every run, each once, in order. */
async function columns(lines: string, flags: PlanFlags = {}): Promise<string[]> {
  const { runs } = await plan(lines, flags);
  return [...new Set(runs.map(({ label, config }) => `${label} on ${config.space}`))];
}

describe("a plan", () => {
  it("makes a run of each searcher, space and seed, in a folder of its own", async () => {
    const { runs, title, parallel, out } = await plan(
      "title: T\nspaces: [a, b]\nseeds: [3, 5]\nsearchers: [evolution, random]\ncontrols: [random]\n",
    );
    expect(runs.map(({ folder: path }) => path)).toEqual([
      "runs/a/evolution/seed3",
      "runs/a/evolution/seed5",
      "runs/a/random/seed3",
      "runs/a/random/seed5",
      "runs/b/evolution/seed3",
      "runs/b/evolution/seed5",
      "runs/b/random/seed3",
      "runs/b/random/seed5",
    ]);
    expect(runs.map(({ isControl }) => isControl).slice(0, 4)).toEqual([false, false, true, true]);
    expect(runs[3]?.config).toMatchObject({ space: "a", searcher: "random", seed: 5, budget: 100 });
    expect({ title, parallel }).toEqual({ title: "T", parallel: 4 });
    expect(out).toBe(`benches/plan${files}`);
  });

  it("crosses settings and grid, which controls do without", async () => {
    const crossed =
      "title: T\nspaces: [s]\nseeds: 1\nsearchers: [evolution]\ncontrols: [random]\n" +
      "settings: {plain: {}, half: {budget: 50}}\n" +
      "grid: {candidates: [{min: 1, max: 2}], memory.navigator: [true, false]}\n";
    const { runs } = await plan(crossed);
    expect(runs.map(({ label }) => label)).toEqual([
      'evolution plain candidates={"min":1,"max":2} memory.navigator=true',
      'evolution plain candidates={"min":1,"max":2} memory.navigator=false',
      'evolution half candidates={"min":1,"max":2} memory.navigator=true',
      'evolution half candidates={"min":1,"max":2} memory.navigator=false',
      "random",
    ]);
    expect(runs[3]?.config).toMatchObject({
      budget: 50,
      candidates: { min: 1, max: 2 },
      memory: { navigator: false, generator: false },
    });
    expect(runs[4]?.config).toMatchObject({ budget: 100, memory: { navigator: true, generator: false } });
    expect(new Set(runs.map(({ folder: path }) => path)).size).toBe(5);
  });

  it("has the usual controls unless it says otherwise, the prior among them where it gives odds", async () => {
    const usual = "title: T\nspaces: [s]\nseeds: 1\nsearchers: [evolution]\n";
    expect(await columns(usual)).toEqual([
      "evolution on s",
      "random on s",
      "costliest-first on s",
      "surrogate on s",
    ]);
    expect((await plan(usual)).remarks).toEqual([
      "the control prior-random is left out on s: the plan gives no odds (prior)",
    ]);
    const odds = `${usual}run: {prior: {op: {conv: 1}}}\n`;
    expect(await columns(odds)).toContain("prior-random on s");
    expect((await plan(odds)).remarks).toEqual([]);
    expect(await columns(`${usual}controls: []\n`)).toEqual(["evolution on s"]);
  });

  it("has keys that hold for one space alone, over those of all runs and under those of a setting", async () => {
    const { runs } = await plan(
      "title: T\nspaces: {a: {task: Of a., budget: 5}, b: {}}\nseeds: 1\nsearchers: [evolution]\ncontrols: []\n" +
        "settings: {s: {budget: 9}}\nrun: {task: Of all., budget: 7, limits: {c: 1}}\n",
    );
    expect(runs.map(({ config: { task, budget, limits } }) => ({ task, budget, limits }))).toEqual([
      { task: "Of a.", budget: 9, limits: { c: 1 } },
      { task: "Of all.", budget: 9, limits: { c: 1 } },
    ]);
  });

  it("says of a searcher with roles who plays them, and of others their name", async () => {
    const roles = small.replace("[evolution]", "[collm]");
    expect(await columns(small.replace("[evolution]", "[rules]"))).toEqual([
      "rules on cells",
      "random on cells",
    ]);
    expect(await columns(roles, { model: "qwen3", baseUrl: "http://localhost:1/v1" })).toEqual([
      "collm (qwen3) on cells",
      "random on cells",
    ]);
    expect(await columns(`${roles}grid: {model.name: [big, small]}\n`)).toEqual([
      "collm model.name=big (big) on cells",
      "collm model.name=small (small) on cells",
      "random on cells",
    ]);
  });

  it("yields to flags", async () => {
    const flags = {
      seeds: 1,
      budget: 7,
      limit: { c: 2 },
      parallel: 2,
      out: "there",
      evaluatorConfig: "e.yaml",
    };
    const { runs, parallel, out } = await plan(`${small}run: {budget: 50, limits: {c: 1, d: 3}}\n`, flags);
    expect(runs.map(({ config }) => config.limits)).toEqual([
      { c: 2, d: 3 },
      { c: 2, d: 3 },
    ]);
    expect(runs.map(({ config }) => [config.seed, config.budget])).toEqual([
      [0, 7],
      [0, 7],
    ]);
    expect({ parallel, out }).toEqual({ parallel: 2, out: "there" });
    expect(runs[0]?.config.evaluator.config).toBe(resolve("e.yaml"));
  });

  it("yields to flags also where it speaks of one space", async () => {
    const { runs } = await plan(small.replace("[cells]", "{cells: {budget: 7}}"), { budget: 20, seeds: 1 });
    expect(runs.map(({ config }) => config.budget)).toEqual([20, 20]);
  });

  it("leaves the usual prior-random out only where there are no odds", async () => {
    const { runs, remarks } = await plan(
      "title: T\nspaces: {a: {prior: {op: {conv: 1}}}, b: {}}\nseeds: 1\nsearchers: [evolution]\n",
    );
    const prior = runs.filter(({ config }) => config.searcher === "prior-random");
    expect(prior.map(({ config }) => config.space)).toEqual(["a"]);
    expect(remarks).toEqual([expect.stringContaining("left out on b")]);
  });

  it("gives a run of a long name a short folder of its own", async () => {
    const [one, other] = ["a".repeat(300), `${"a".repeat(299)}b`];
    const { runs } = await plan(`${small}settings: {${one}: {}, ${other}: {}}\n`);
    for (const { folder: path } of runs)
      for (const name of path.split("/")) expect(name.length).toBeLessThan(200);
  });

  it("means the path of an evaluator's configuration from where the plan is", async () => {
    const { runs } = await plan(`${small}run: {evaluator: {config: e.yaml}}\n`);
    expect(runs[0]?.config.evaluator.config).toBe(join(folder, "e.yaml"));
  });

  it.each([
    [
      "an unknown searcher",
      small.replace("[evolution]", "[evolutio]"),
      'unknown searcher "evolutio"; they are ',
    ],
    ["one near a known one", small.replace("[evolution]", "[evolutio]"), 'did you mean "evolution"'],
    ["an unknown control", small.replace("[random]", "[randum]"), 'unknown searcher "randum"'],
    [
      "no searcher at all",
      small.replace("[evolution]", "[]").replace("[random]", "[]"),
      "are empty; name at least one",
    ],
    ["no space", small.replace("[cells]", "[]"), '"spaces" is empty'],
    ["a space twice", small.replace("[cells]", "[cells, cells]"), '"spaces" names cells twice'],
    ["no seeds", small.replace("seeds: 2", "seeds: []"), '"seeds" is empty'],
    ["seeds repeated", small.replace("seeds: 2", "seeds: [1, 2, 1]"), '"seeds" holds 1 twice'],
    [
      "a searcher twice",
      small.replace("[evolution]", "[evolution, evolution]"),
      "the matrix makes runs/cells/evolution/seed0 twice",
    ],
    ["a grid over nothing", `${small}grid: {budget: []}\n`, '"grid.budget" is []'],
    [
      "a space inside run",
      `${small}run: {space: other}\n`,
      '"run" sets "space", which the matrix gives to each run',
    ],
    ["a seed inside a setting", `${small}settings: {s: {seed: 1}}\n`, '"settings.s" sets "seed"'],
    [
      "an unknown key of a run",
      `${small}run: {buget: 5}\n`,
      'evolution: unknown key "buget"; did you mean "budget"?',
    ],
    ["a wrong value in a grid", `${small}grid: {budget: [0]}\n`, 'evolution budget=0: "budget" is 0'],
    ["an unknown key of the plan", `${small}seed: 5\n`, 'unknown key "seed"; did you mean "seeds"?'],
    ["a key of a run at the top", `${small}budget: 5\n`, 'unknown key "budget"; did you mean "run.budget"?'],
    [
      "a key of a run at the top that is near another one there",
      `${small}rounds: 5\n`,
      'unknown key "rounds"; did you mean "run.rounds"?',
    ],
    [
      "a key of a run's model at the top",
      `${small}temperature: 1\n`,
      'unknown key "temperature"; did you mean "run.model.temperature"?',
    ],
    [
      "an old name of a key of a run",
      `${small}hints: true\n`,
      'unknown key "hints"; did you mean "run.promptExtras"?',
    ],
    [
      "an old name in the keys of a run",
      `${small}run: {secondLook: true}\n`,
      'unknown key "secondLook"; did you mean "costRevision"?',
    ],
    ["settings that differ in case alone", `${small}settings: {S: {}, s: {}}\n`, "twice"],
    ["a key that is none in the grid", `${small}grid: {__proto__.budget: [3]}\n`, "is no key such as budget"],
    ["a key that objects cannot hold", `${small}run: {__proto__: {budget: 3}}\n`, 'unknown key "__proto__"'],
    [
      "an evaluator for one setting",
      `${small}settings: {s: {evaluator: {address: "a:1"}}}\n`,
      "one serves the whole plan",
    ],
    [
      "a portfolio that begins with a role and no model",
      `${small.replace("[evolution]", "[portfolio]")}run: {early: collm}\n`,
      'begins with "collm", which asks a language model, and none is named',
    ],
    [
      "no model where one is asked",
      small.replace("[evolution]", "[collm]"),
      "none is named; name one with --model NAME",
    ],
    [
      "no model where one plays alone",
      small.replace("[evolution]", "[evolution, solo]"),
      "or search without one: --searcher rules",
    ],
  ])("is refused with %s", async (_, lines, message) => {
    const refusal = plan(lines);
    await expect(refusal).rejects.toThrow(UsageError);
    await expect(refusal).rejects.toThrow(message);
    await expect(refusal).rejects.toThrow(`plan${files}.yaml: `);
  });

  it("is refused with a flag for what it varies", async () => {
    await expect(plan(`${small}grid: {budget: [7, 9]}\n`, { budget: 20 })).rejects.toThrow(
      '"grid" varies budget, so --budget cannot overrule it',
    );
    await expect(plan(`${small}settings: {s: {limits: {c: 1}}}\n`, { limit: { c: 2 } })).rejects.toThrow(
      '"settings.s" varies limits, so --limit cannot overrule it',
    );
    await expect(plan(`${small}settings: {s: {model: {name: big}}}\n`, { model: "m" })).rejects.toThrow(
      '"settings.s" varies model.name, so --model cannot overrule it',
    );
  });

  it("about a model is taken once one is named", async () => {
    const about = small.replace("[evolution]", "[collm]");
    expect(await columns(about, { model: "m" })).toContain("collm (m) on cells");
  });
});
