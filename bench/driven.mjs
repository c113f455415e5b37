/**
 * A run that a program drives, measured: how soon it proposes, what it takes besides evaluating, and a very long one.
 *
 * The evaluator that the short runs use is there before. The long run has an evaluator of no time at all, in this process.
 * Needs dist/.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { LiveView } from "../dist/cli/live-view.js";
import { RunLines } from "../dist/cli/run-lines.js";
import { startPythonEvaluator } from "../dist/evaluator/python-evaluator.js";
import { createRun } from "../dist/runs/journal.js";
import { runSearch } from "../dist/search/coordinator.js";
import { fold } from "../dist/search/fold.js";
import { searchers } from "../dist/searchers/registry.js";
import { systemClock } from "../dist/system/clock.js";
import { usualSearch } from "./in-process.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const never = new AbortController().signal;
const median = (values) => [...values].sort((first, second) => first - second)[Math.floor(values.length / 2)];
const longBudget = 100_000;

/** What is written goes into `scratch`. */
export async function drivenRows(scratch) {
  const python = join(root, ".venv/bin/python");
  const evaluator = await startPythonEvaluator({ python, configFile: null, packageRoot: root }, never);
  const runs = [];
  try {
    for (let run = 0; run < 7; run++) runs.push(await driven(evaluator.address, join(scratch, `run-${run}`)));
  } finally {
    await evaluator.stop();
  }
  const milliseconds = (name) => `${median(runs.map((run) => run[name])).toFixed(0)} ms`;
  return [
    [
      "from the call to the first proposal, evaluator running, median of 7",
      milliseconds("proposed"),
      "under 1,000 ms",
    ],
    ["100 evaluations of a table, the whole process", milliseconds("ended"), "under 4,000 ms"],
    ...(await longRows(join(scratch, "long"))),
  ];
}

/** When a run had its first proposal and when it had ended, in milliseconds. */
async function driven(address, folder) {
  const begin = performance.now();
  const flags = ["--evaluator", address, "--out", folder, "--continue", "--exit-with-stdin", "--events"];
  const args = ["run", "--space", "analognas-baseline", ...flags];
  const child = spawn(process.execPath, [join(root, "dist/cli/main.js"), ...args], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  let proposed = Number.NaN;
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (Number.isNaN(proposed) && JSON.parse(line).event?.type === "round-proposed")
      proposed = performance.now() - begin;
  });
  await once(child, "exit");
  return { proposed, ended: performance.now() - begin };
}

/** A run with its journal, its lines and its view, and an evaluator that answers at once. */
async function longRows(folder) {
  const search = { ...usualSearch, budget: longBudget };
  const journal = await createRun(folder, systemClock);
  const started = { run: "long", search, setup: {}, models: null, space: wideSpace, versions: {} };
  const history = await journal.append([{ type: "run-started", ...started }]);
  const sink = createWriteStream("/dev/null");
  const [view, lines] = [new LiveView(sink), new RunLines(sink)];
  view.begin(fold(history));
  lines.begun(fold(history), folder, false);
  const observe = (notice) => {
    view.observe(notice);
    return lines.observe(notice);
  };
  const searcher = searchers.find(({ name }) => name === search.searcher);
  const ports = { searcher, evaluator: instant, models: null, journal, clock: systemClock };
  const [begin, cpu] = [performance.now(), process.cpuUsage()];
  await runSearch(history, ports, never, observe);
  const { user, system } = process.cpuUsage(cpu);
  await journal.close();
  return [
    [
      `${longBudget} evaluations of no time with the rules`,
      `${((performance.now() - begin) / 1000).toFixed(0)} s`,
      "",
    ],
    ["of this, the processor", `${((user + system) / 1e6).toFixed(0)} s`, "under 60 s"],
    ["memory of the process after it", `${(process.memoryUsage().rss / 1e6).toFixed(0)} MB`, "under 500 MB"],
  ];
}

/** Twenty kernels and a width: more architectures than any budget. */
const wideSpace = {
  id: "wide",
  summary: "",
  digest: "wide-1",
  dimensions: [
    ["kernel", ["1", "3", "5", "7"], 20],
    ["width", ["16", "24", "32"], 1],
  ].map(([name, choices, size]) => ({
    name,
    meaning: "",
    choices,
    numeric: true,
    groups: [{ name: "all", size }],
    activeCount: "",
    slotNames: [],
  })),
  template: "",
  metrics: [{ name: "value", unit: "", meaning: "", higherIsBetter: true }],
  costs: [],
  splits: [{ name: "search", meaning: "" }],
  parallelism: 1,
  maxBatch: 1000,
  provenance: "",
};

/** Scores by the numbers in the text. */
const instant = {
  measureCosts: async ({ texts }) => texts.map((text) => ({ text, costs: {}, equivalenceKey: "" })),
  async *evaluate({ texts }) {
    for (const [index, text] of texts.entries()) {
      const value = [...text.matchAll(/\d+/g)].reduce(
        (sum, [digits], at) => sum + Number(digits) * (at % 5),
        0,
      );
      yield { kind: "outcome", index, outcome: { kind: "measurement", metrics: { value }, seconds: 0 } };
    }
  },
};
