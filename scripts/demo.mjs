/**
 * `npm run demo`: one whole search over the cells of a real table, with no key, no GPU and no model.
 *
 * The settings of the demo are here. What follows `--` on the command line is passed on: `npm run demo -- --seed 3`.
 */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { demoFlags } from "./demo-flags.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const own = [
  ["--space", "analognas-baseline"],
  ["--budget", "100"],
];
const args = ["run", ...demoFlags(own, process.argv.slice(2))];

console.error(`demo: ./bin/collm-nas ${args.join(" ")}\n`);
const demo = spawn(`${root}bin/collm-nas`, args, { stdio: "inherit", cwd: root });
// The child shares the terminal and stops by itself on Ctrl-C; waiting for it keeps its last words in order.
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => {});
demo.on("exit", (code, signal) => process.exit(code ?? (signal === null ? 1 : 3)));
