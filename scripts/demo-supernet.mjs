/**
 * `npm run demo:supernet`: one whole search over the subnets of a real supernet, of scenes with handwritten digits, that are
 * extracted, calibrated and scored here. It needs no key, no GPU, no download and no model.
 *
 * It writes and prepares the images when they are not there yet. The settings of the demo are here. What follows `--` on
 * the command line is passed on: `npm run demo:supernet -- --seed 3`. Each of the 40 evaluations takes about a
 * second: with the images, a minute and a half in all on two idle cores.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { demoFlags } from "./demo-flags.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const images = "examples/scenes/images";
const config = "examples/scenes/evaluator.yaml";
const own = [
  ["--space", "ofa-scenes"],
  ["--evaluator-config", config],
  ["--budget", "40"],
  ["--limit", "macs_m=2"],
];

// A child shares the terminal and stops by itself on Ctrl-C; waiting for it keeps its last words in order.
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => {});

if (!existsSync(`${root}${images}/test`)) {
  await run(".venv/bin/python", "-E", "examples/train_scenes_supernet.py", "images", images);
}
await run(".venv/bin/collm-nas-evaluator", "cache-images", "--config", config);
await run("./bin/collm-nas", "run", ...demoFlags(own, process.argv.slice(2)));

/** Runs a command to its end; one that fails ends the demo with its exit code. */
function run(command, ...args) {
  console.error(`demo: ${command} ${args.join(" ")}\n`);
  return new Promise((done) => {
    const child = spawn(command, args, { stdio: "inherit", cwd: root });
    child.on("exit", (code, signal) => {
      if (code === 0) done();
      else process.exit(code ?? (signal === null ? 1 : 3));
    });
  });
}
