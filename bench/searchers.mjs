/**
 * `node bench/searchers.mjs`: how good each searcher is on a real table, and what it costs, measured here and now.
 *
 * Owns the comparison of the searchers under the same budget; they run in this process, against the table in memory.
 * Promises nothing: a test asserts behaviour, this prints numbers. Needs dist/. Name searchers to run only these:
 * `node bench/searchers.mjs --csv TABLE --seeds 10 --first 1000 surrogate`.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { systemClock } from "../dist/system/clock.js";
import { printable } from "../dist/cli/style.js";
import { table } from "../dist/cli/table.js";
import { runSearch } from "../dist/search/coordinator.js";
import { trace } from "../dist/search/results.js";
import { asksRoles, searchers } from "../dist/searchers/registry.js";
import { memoryJournal, usualSearch } from "./in-process.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const budget = 100;
const marks = [10, 30, budget];
const prior = {
  op: { none: 0.02, skip_connect: 0.2, nor_conv_1x1: 0.25, nor_conv_3x3: 0.5, avg_pool_3x3: 0.03 },
};

/** The data sets by the columns that hold them: what the search sees and what it is judged by. */
const datasets = {
  C10: { search: "c10_valid_200", test: "c10_test_200" },
  C100: { search: "c100_valid_200", test: "c100_test_200" },
  IN16: { search: "in16_valid_200", test: "in16_test_200" },
};

/** What each searcher is to reach: the best value after so many evaluations, or the test of the winner. */
const aims = {
  reinforce: { test: { C10: 93.82, C100: 71.57, IN16: 45.48 } },
  "prior-random": { test: { C10: 94.3, C100: 73.18, IN16: 46.44 } },
  surrogate: {
    30: { C100: 71.75, IN16: 45.45 },
    100: { C100: 73.3, IN16: 46.48 },
    test: { C10: 94.29, C100: 73.47, IN16: 46.47 },
  },
  portfolio: { 10: { C100: 71.5, IN16: 45.2 }, 100: { C100: 73.35, IN16: 46.48 } },
};

const { values: options, positionals: chosen } = parseArgs({
  allowPositionals: true,
  options: {
    csv: { type: "string", default: join(root, "../shared/nasbench201/nasbench201.csv") },
    seeds: { type: "string", default: "50" },
    first: { type: "string", default: "0" },
  },
});
const known = searchers.map(({ name }) => name).filter((name) => !asksRoles({ searcher: name }));
const unknown = chosen.find((name) => !known.includes(name));
if (unknown !== undefined) {
  console.error(`bench: no searcher "${unknown}" that needs no model; they are ${known.join(", ")}`);
  process.exit(2);
}
if (!existsSync(options.csv)) {
  console.log(`searchers: skipped, for there is no table at ${options.csv}; name one with --csv`);
  process.exit(0);
}

const rows = readTable(options.csv);
const space = {
  id: "combinations",
  summary: "combinations of six operations",
  digest: "combinations",
  dimensions: [
    {
      name: "op",
      meaning: "",
      choices: Object.keys(prior.op),
      numeric: false,
      groups: [1, 2, 3].map((node) => ({ name: `node ${node}`, size: node })),
      activeCount: "",
      slotNames: [],
    },
  ],
  template: "|{op[0]}~0|+|{op[1]}~0|{op[2]}~1|+|{op[3]}~0|{op[4]}~1|{op[5]}~2|",
  metrics: [{ name: "accuracy", unit: "percent", meaning: "", higherIsBetter: true }],
  costs: [
    { name: "flops_m", unit: "millions", meaning: "" },
    { name: "params_m", unit: "millions", meaning: "" },
  ],
  splits: [
    { name: "search", meaning: "" },
    { name: "test", meaning: "" },
  ],
  parallelism: 64,
  maxBatch: 20_000,
  provenance: "",
};

const lines = [];
const asked = chosen.length === 0 ? known : chosen;
for (const searcher of searchers.filter(({ name }) => asked.includes(name))) {
  console.error(`bench: ${searcher.name} …`);
  for (const [dataset, columns] of Object.entries(datasets)) {
    const runs = [];
    const begin = process.cpuUsage();
    for (let seed = Number(options.first); runs.length < Number(options.seeds); seed++)
      runs.push(await searchOnce(searcher, seed, columns));
    const { user, system } = process.cpuUsage(begin);
    const figures = {
      ...Object.fromEntries(marks.map((mark) => [mark, mean(runs.map(({ best }) => best[mark]))])),
      test: mean(runs.map(({ test }) => test)),
    };
    lines.push([
      searcher.name,
      dataset,
      ...Object.entries(figures).map(([mark, figure]) =>
        beside(figure, aims[searcher.name]?.[mark]?.[dataset]),
      ),
      `${((user + system) / 1000 / runs.length).toFixed(0)} ms`,
    ]);
  }
}
const heads = marks.map((mark) => `best of ${mark}`);
const shown = table(lines, ["searcher", "data", ...heads, `test of best of ${budget}`, "CPU a run"]);
console.log(printable(shown.join("\n"), process.stdout));
console.log(
  `means over ${options.seeds} seeds from ${options.first}; in brackets: the aim. prior-random and portfolio use the prior ${JSON.stringify(prior.op)}.`,
);

/** One whole search: the best value after each mark, and the test of the winner. */
async function searchOnce(searcher, seed, columns) {
  const search = { ...usualSearch, searcher: searcher.name, seed, budget, prior };
  const journal = memoryJournal();
  const history = await journal.append([
    { type: "run-started", run: "bench", search, setup: {}, models: null, space, versions: {} },
  ]);
  const ports = { searcher, evaluator: tableEvaluator(columns), models: null, journal, clock: systemClock };
  const found = trace(await runSearch(history, ports, new AbortController().signal));
  const after = (mark) => found[Math.min(mark, found.length) - 1];
  return {
    best: Object.fromEntries(marks.map((mark) => [mark, after(mark).value])),
    test: rows.get(after(budget).text)[columns.test],
  };
}

function tableEvaluator(columns) {
  return {
    measureCosts: async ({ texts }) =>
      texts.map((text) => {
        const { flops_m_32: flops_m, params_m } = rows.get(text);
        return { text, costs: { flops_m, params_m }, equivalenceKey: "" };
      }),
    async *evaluate({ texts, split }) {
      for (const [index, text] of texts.entries()) {
        const metrics = { accuracy: rows.get(text)[columns[split]] };
        yield { kind: "outcome", index, outcome: { kind: "measurement", metrics, seconds: 0 } };
      }
    },
  };
}

/** The rows of the table by architecture: a number by column. */
function readTable(path) {
  const [head, ...body] = readFileSync(path, "utf8").trim().split("\n");
  const names = head.split(",");
  const arch = names.indexOf("arch");
  return new Map(
    body.map((line) => {
      const combinations = line.split(",");
      return [
        combinations[arch],
        Object.fromEntries(names.map((name, column) => [name, Number(combinations[column])])),
      ];
    }),
  );
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function beside(figure, aim) {
  return aim === undefined ? figure.toFixed(2) : `${figure.toFixed(2)} (${aim.toFixed(2)})`;
}
