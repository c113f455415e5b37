/**
 * The supernet of this repository through the command line: real weights, recalibration and images, in the real server.
 *
 * Owns no behaviour. Needs PyTorch in .venv, which `npm test` installs.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import {
  collmNas,
  events,
  json,
  newRun,
  python,
  root,
  temporaryFile,
  temporaryFolder,
} from "../support/cli.ts";

const limit = 1.2;
let images: string;

beforeAll(() => {
  images = join(temporaryFolder(), "images");
  execFileSync(python, [join(root, "examples/train_digits_supernet.py"), "images", images], { cwd: root });
}, 120_000);

/** A configuration file of the digits with a store of its own, so that nothing is known from before. */
function configuration(imagenet: Record<string, string> = {}): string {
  const folders = { val: "test", search: "search", train: "train", ...imagenet };
  const named = Object.entries(folders).map(([key, folder]) => `  ${key}: ${join(images, folder)}\n`);
  return temporaryFile(
    "evaluator.yaml",
    `checkpoints: {ofa-digits: ${join(root, "examples/digits/ofa_digits.pth")}}\nimagenet:\n${named.join("")}` +
      `device: cpu\nanalognas: false\ncache_dir: ${temporaryFolder()}\n`,
  );
}

const space = ["--space", "ofa-digits"];

test("a search within a limit finds subnets that classify images it has not seen", async () => {
  const config = ["--evaluator-config", configuration()];
  const out = newRun();
  const flags = ["--budget", "2", "--limit", `macs_m=${limit}`, "--out", out];
  const summary = await json(["run", ...space, ...config, ...flags]);
  expect(summary.spend.evaluations).toBe(2);
  expect(summary.best?.costs.macs_m).toBeLessThanOrEqual(limit);
  expect(summary.best?.metrics).toMatchObject({ images: 5340 });
  expect(summary.best?.metrics.accuracy).toBeGreaterThan(60);
  expect(summary.best?.test?.accuracy).toBeGreaterThan(60);
  expect(summary.best?.test?.accuracy).not.toBe(summary.best?.metrics.accuracy);
  expect(summary.best?.sameImagesAsSearch).toBe(false);
  for (const event of events(out)) {
    if (event.type === "run-started") expect(event.space.provenance).toContain("ofa_digits.pth, SHA-256 ");
    if (event.type === "architecture-measured") expect(JSON.stringify(event)).toMatch(/"top5":\d/);
  }
  expect(existsSync(join(out, "evaluator.log"))).toBe(true);
  expect(readFileSync(join(out, "evaluator.log"), "utf8")).not.toContain("Traceback");
  expect((await collmNas(["replay", out])).code).toBe(0);
}, 300_000);

test("two processes give an architecture the same number, and one store gives it at once", async () => {
  const architecture = JSON.stringify({
    r: 32,
    d: [3, 2, 4, 3, 2],
    ks: Array(20).fill(5),
    e: Array(20).fill(4),
  });
  const configs = [configuration(), configuration()];
  const [first, second] = await Promise.all(
    configs.map((config) => json(["evaluate", architecture, ...space, "--evaluator-config", config])),
  );
  expect(second).toMatchObject({ metrics: (first as unknown as { metrics: object }).metrics });
  const again = await json(["evaluate", architecture, ...space, "--evaluator-config", configs[0] as string]);
  expect(again).toMatchObject({ metrics: (first as unknown as { metrics: object }).metrics, seconds: 0 });
}, 300_000);

test("a winner that was tested on the images of the search is told to be", async () => {
  const folders = { val: "search", search: "search" };
  const config = ["--evaluator-config", configuration(folders)];
  const ended = await collmNas([
    "run",
    ...space,
    ...config,
    "--budget",
    "1",
    "--searcher",
    "random",
    "--out",
    newRun(),
  ]);
  expect(ended.code, ended.stderr).toBe(0);
  expect(`${ended.stdout}${ended.stderr}`).toContain("same images as the search");
}, 300_000);

test("a checkpoint that is not there is named with where to get it", async () => {
  const config = temporaryFile("evaluator.yaml", "checkpoints: {spos: nothing.pth.tar}\nanalognas: false\n");
  const ended = await collmNas(["run", "--space", "spos", "--evaluator-config", config, "--out", newRun()]);
  expect(ended.code).toBe(2);
  expect(ended.stderr).toMatch(/nothing\.pth\.tar is not there; download .*1drv\.ms/);
  expect(ended.stderr.trim().split("\n")).toHaveLength(1);
}, 120_000);
