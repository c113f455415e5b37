/**
 * `npm run bench`: speed, memory and the reference figures, measured here and now, as tables.
 *
 * Owns what is measured and how. Promises nothing: a test asserts behaviour, this prints numbers. Name parts to run
 * only these: `npm run bench -- help fold`.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { LocalEvaluator } from "../dist/evaluator/local-evaluator.js";
import { startPythonEvaluator } from "../dist/evaluator/python-evaluator.js";
import { GrpcEvaluator } from "../dist/evaluator/grpc-evaluator.js";
import { createRun } from "../dist/runs/journal.js";
import { readRun } from "../dist/runs/run-record.js";
import { systemClock } from "../dist/system/clock.js";
import { printable } from "../dist/cli/style.js";
import { table } from "../dist/cli/table.js";
import { runSearch } from "../dist/search/coordinator.js";
import { Space } from "../dist/search/space.js";
import { applyEvent } from "../dist/search/fold.js";
import { best } from "../dist/search/results.js";
import { replaySearch } from "../dist/search/replay.js";
import { searchers } from "../dist/searchers/registry.js";
import { drivenRows } from "./driven.mjs";
import { feedRows } from "./feed.mjs";
import { dashboardRows } from "./dashboard.mjs";
import { memoryJournal, usualSearch } from "./in-process.mjs";
import { callRows, readingRows } from "./models.mjs";
import { sharedCpuRows } from "./shared-cpu.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const python = join(root, ".venv/bin/python");
const scratch = mkdtempSync(join(tmpdir(), "collm-bench-"));
const never = new AbortController().signal;
const median = (values) => [...values].sort((first, second) => first - second)[Math.floor(values.length / 2)];
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const milliseconds = (value) => `${value.toFixed(0)} ms`;
const megabytes = (kilobytes) => `${(kilobytes / 1024).toFixed(0)} MB`;

/** A whole search in this process; `evaluator` and `journal` may be instrumented. */
async function searchOnce(settings, space, evaluator, journal) {
  const searcher = searchers.find(({ name }) => name === settings.searcher);
  const history = await journal.append([
    { type: "run-started", run: "bench", search: settings, setup: {}, models: null, space, versions: {} },
  ]);
  return await runSearch(history, { searcher, evaluator, models: null, journal, clock: systemClock }, never);
}

const parts = {
  async help() {
    const bin = [],
      bare = [];
    spawnSync(join(root, "bin/collm-nas"), ["--help"]);
    for (let pair = 0; pair < 15; pair++) {
      let begin = performance.now();
      spawnSync(join(root, "bin/collm-nas"), ["--help"]);
      bin.push(performance.now() - begin);
      begin = performance.now();
      spawnSync(process.execPath, ["-e", "0"]);
      bare.push(performance.now() - begin);
    }
    return [
      [
        "--help above `node -e 0`, median of 15 pairs",
        milliseconds(median(bin.map((value, pair) => value - bare[pair]))),
        "at most 120 ms",
      ],
    ];
  },

  async fold() {
    const space = await withEvaluator((evaluator) => evaluator.describe("analognas-baseline", never));
    const texts = [...new Space(space).all()].map(({ text }) => text);
    const at = systemClock.now();
    const events = [
      {
        v: 1,
        seq: 1,
        at,
        type: "run-started",
        run: "bench",
        search: { ...usualSearch, budget: 100_000 },
        setup: {},
        models: null,
        space,
        versions: {},
      },
    ];
    const add = (body) => events.push({ v: 1, seq: events.length + 1, at, ...body });
    for (let round = 1; events.length < 100_000; round++) {
      const measured = Array.from({ length: 20 }, (_, index) => ({
        text: `${texts[(round * 20 + index) % texts.length]}${round}`,
        costs: { flops_m: 1, params_m: 1 },
        equivalenceKey: "",
      }));
      add({
        type: "round-proposed",
        round,
        candidates: measured.map((each) => ({
          raw: each.text,
          verdict: { kind: "accepted", measured: each, overLimit: false, twin: null },
        })),
      });
      for (const [candidate, { text }] of measured.entries())
        add({
          type: "architecture-measured",
          round,
          candidate,
          text,
          outcome: { kind: "measurement", metrics: { accuracy: candidate }, seconds: 0 },
        });
      add({ type: "round-closed", round, chain: "" });
    }
    const begin = performance.now();
    let state = null;
    for (const event of events) state = applyEvent(state, event);
    const took = performance.now() - begin;
    return [
      [`fold of ${events.length} events (best ${best(state).value})`, milliseconds(took), "under 1,000 ms"],
    ];
  },

  async server() {
    const starts = [];
    for (let start = 0; start < 4; start++) {
      const begin = performance.now();
      const server = await startPythonEvaluator({ python, configFile: null, packageRoot: root }, never);
      starts.push(performance.now() - begin);
      await server.stop();
    }
    const server = await startPythonEvaluator({ python, configFile: null, packageRoot: root }, never);
    const client = new GrpcEvaluator({ address: server.address });
    const space = await client.describe("analognas-baseline", never);
    const texts = [...new Space(space).all()].map(({ text }) => text);
    const rates = [];
    for (let stream = 0; stream < 3; stream++) {
      const begin = performance.now();
      let answered = 0;
      for await (const message of client.evaluate({ space, texts, split: "search" }, never))
        answered += message.kind === "outcome" ? 1 : 0;
      rates.push(answered / ((performance.now() - begin) / 1000));
    }
    const rss = Number(
      spawnSync("ps", ["-o", "rss=", "-p", String(server.pid)], { encoding: "utf8" }).stdout,
    );
    await client.close();
    await server.stop();
    const ready = spawnSync(python, ["-c", tableReady], {
      cwd: join(root, "python-evaluator"),
      encoding: "utf8",
    });
    return [
      [
        "evaluations a second over one stream, median of 3 (15,625 each)",
        `${Math.round(median(rates))}`,
        "at least 5,000",
      ],
      [
        "Python server, start to listening, median of the 2nd to 4th start",
        milliseconds(median(starts.slice(1))),
        "",
      ],
      [
        "of this, table ready (cache checked against the source's hash)",
        ready.status === 0 ? milliseconds(Number(ready.stdout)) : ready.stderr.trim().split("\n").at(-1),
        "under 500 ms",
      ],
      ["Python server, resident memory after that", megabytes(rss), "under 120 MB"],
    ];
  },

  async run() {
    const rows = [];
    await withEvaluator(async (evaluator) => {
      const space = await evaluator.describe("analognas-baseline", never);
      await searchOnce(usualSearch, space, evaluator, memoryJournal());
      const walls = [],
        own = [];
      for (let repeat = 0; repeat < 5; repeat++) {
        const folder = join(scratch, `run-${repeat}`);
        const journal = await createRun(folder, systemClock);
        const begin = performance.now();
        await searchOnce({ ...usualSearch, seed: repeat }, space, evaluator, journal);
        walls.push(performance.now() - begin);
        await journal.close();
        const { events } = await readRun(folder);
        const again = performance.now();
        await replaySearch(
          events,
          searchers.find(({ name }) => name === "rules"),
        );
        own.push(performance.now() - again);
      }
      rows.push([
        "100 evaluations with the rules, wall time after start, median of 5",
        milliseconds(median(walls)),
        "about 2,000 ms",
      ]);
      rows.push([
        "of this, Coordinator and rules (the run replayed from its record)",
        milliseconds(median(own)),
        "under 300 ms",
      ]);
    });
    const peak = join(scratch, "peak");
    const preload = `data:text/javascript,import{writeFileSync}from"node:fs";process.on("exit",()=>writeFileSync(${JSON.stringify(peak)},String(process.resourceUsage().maxRSS)))`;
    const begin = performance.now();
    spawnSync(process.execPath, [
      "--import",
      preload,
      join(root, "dist/cli/main.js"),
      "run",
      "--space",
      "analognas-baseline",
      "--out",
      join(scratch, "whole"),
      "--json",
    ]);
    rows.push(["the same as a whole process", milliseconds(performance.now() - begin), ""]);
    rows.push([
      "control plane, peak resident memory",
      megabytes(Number(readFileSync(peak, "utf8"))),
      "under 150 MB",
    ]);
    return rows;
  },

  /** The main table without a language model, as a person makes it, and its report. */
  async comparison() {
    const configFile = tableConfig();
    if (configFile === null) return [["comparison", noTable, ""]];
    const preset = readFileSync(join(root, "presets/bench/nasbench201-controls.yaml"), "utf8");
    const plan = join(scratch, "plan.yaml");
    writeFileSync(plan, preset.replace(", portfolio, rules]", "]"));
    const out = join(scratch, "comparison");
    const page = join(scratch, "report.html");
    const timed = (...args) => {
      const begin = performance.now();
      const ran = spawnSync(process.execPath, [join(root, "dist/cli/main.js"), ...args, "--json"], {
        encoding: "utf8",
      });
      if (ran.status !== 0) throw new Error(`collm-nas ${args[0]} ended with ${ran.status}: ${ran.stderr}`);
      return { seconds: (performance.now() - begin) / 1000, result: JSON.parse(ran.stdout) };
    };
    const made = timed("bench", plan, "--evaluator-config", configFile, "--out", out);
    const again = timed("bench", plan, "--evaluator-config", configFile, "--out", out);
    const reported = timed("report", out, "--out", page);
    return [
      [`bench of ${made.result.done} runs of 100 evaluations`, `${made.seconds.toFixed(0)} s`, "under 180 s"],
      ["the same command again, with nothing left to do", `${again.seconds.toFixed(1)} s`, ""],
      [`report of ${reported.result.runs} runs`, `${reported.seconds.toFixed(1)} s`, "under 10 s"],
      ["its page", `${(readFileSync(page).length / 1e6).toFixed(1)} MB`, "under 5 MB"],
    ];
  },

  async reference() {
    const configFile = tableConfig();
    if (configFile === null) return [["reference figures", noTable, ""]];
    const expected = {
      random: [
        [93.79, 0.25],
        [71.47, 0.6],
        [45.39, 0.6],
      ],
      "costliest-first": [
        [94.37, 0.05],
        [73.51, 0.05],
        [46.34, 0.3],
      ],
    };
    const rows = [];
    await withEvaluator(async (evaluator) => {
      for (const [place, id] of ["cifar10", "cifar100", "imagenet16-120"].entries()) {
        const space = await evaluator.describe(`nasbench201-${id}`, never);
        for (const searcher of Object.keys(expected)) {
          const scores = [];
          for (let seed = 0; seed < 20; seed++) {
            const state = await searchOnce(
              { ...usualSearch, searcher, seed },
              space,
              evaluator,
              memoryJournal(),
            );
            const { text } = best(state);
            scores.push(state.winnerTests.get(text).metrics.accuracy);
          }
          const [figure, within] = expected[searcher][place];
          const off = Math.abs(mean(scores) - figure);
          rows.push([
            `${searcher} on ${id}: test accuracy of the cell picked by validation, 20 seeds`,
            mean(scores).toFixed(2),
            `${figure} ± ${within}${off <= within ? "" : "  OUTSIDE"}`,
          ]);
        }
      }
    }, configFile);
    return rows;
  },
};

const noTable = "skipped: no table; name one in COLLM_NASBENCH201_CSV";

/** The configuration of an evaluator that serves NAS-Bench-201; null where there is no table. */
function tableConfig() {
  const data = join(root, "../shared/nasbench201/nasbench201.csv");
  const csv = process.env.COLLM_NASBENCH201_CSV ?? data;
  if (!existsSync(csv)) return null;
  const configFile = join(scratch, "evaluator.yaml");
  writeFileSync(configFile, `nasbench201:\n  csv: ${JSON.stringify(csv)}\n`);
  return configFile;
}

const tableReady = `
import time
from collm_nas_evaluator import catalogue, config
begin = time.perf_counter()
catalogue.load(config.default())
print((time.perf_counter() - begin) * 1000)
`;

async function withEvaluator(use, configFile = null) {
  const evaluator = new LocalEvaluator({ python, configFile, packageRoot: root });
  try {
    return await use(evaluator);
  } finally {
    await evaluator.close();
  }
}

for (const part of ["ofa", "autoformer", "costs", "memory"])
  parts[part] = async () => measuredInPython("supernets.py", part);
parts.python = async () => measuredInPython("front_door.py");
parts.nasbench201 = async () => measuredInPython("nasbench201.py");

parts["shared-cpu"] = () => sharedCpuRows(join(scratch, "shared-cpu"));

parts.driven = () => drivenRows(join(scratch, "driven"));

parts.feed = () => feedRows(scratch);

parts.models = async () => [...(await callRows()), ...readingRows()];

parts.dashboard = async () => await dashboardRows(join(scratch, "dashboard"));

/** How good the searchers are over 50 seeds: a table of its own, printed as it is made. */
parts.searchers = async () => {
  spawnSync(process.execPath, [join(root, "bench/searchers.mjs")], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  return [];
};

/** The rows of a part that is measured in Python, beside the code under measurement. */
function measuredInPython(script, ...args) {
  const env = { ...process.env, PYTHONPATH: join(root, "python-evaluator") };
  const ran = spawnSync(python, [join(root, "bench", script), ...args], {
    env,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (ran.status !== 0) throw new Error(`bench/${script} ended with ${ran.status ?? ran.signal}`);
  const rows = ran.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  return rows.map(({ what, measured, aim }) => [what, measured, aim]);
}

const chosen = process.argv.slice(2);
const unknown = chosen.find((name) => !Object.hasOwn(parts, name));
if (unknown !== undefined) {
  console.error(`bench: no part "${unknown}"; they are ${Object.keys(parts).join(", ")}`);
  process.exit(2);
}
try {
  const rows = [];
  for (const [name, part] of Object.entries(parts)) {
    if (chosen.length > 0 && !chosen.includes(name)) continue;
    console.error(`bench: ${name} …`);
    rows.push(...(await part()));
  }
  console.log(printable(table(rows, ["what", "measured", "aim"]).join("\n"), process.stdout));
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
