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
  type Summary,
  temporaryFile,
  temporaryFolder,
} from "../support/cli.ts";

const limit = 2;
/** Of each scan; the example makes 4. The images to calibrate with remain as many as the official rule takes. */
const variants = 1;
const scans = 1500;
let images: string;

beforeAll(() => {
  // Small networks are slowest when threads wait for each other.
  process.env["OMP_NUM_THREADS"] = "1";
  images = join(temporaryFolder(), "images");
  const program = [
    "import pathlib, sys",
    "import train_scenes_supernet as scenes",
    `scenes.VARIANTS.update(train=1, search=${variants}, test=${variants})`,
    "scenes.write_images(pathlib.Path(sys.argv[1]))",
  ];
  execFileSync(python, ["-c", program.join("\n"), images], { cwd: join(root, "examples") });
}, 120_000);

/** A configuration file of the scenes with a store of its own, so that nothing is known from before. */
function configuration(imagenet: Record<string, string> = {}): string {
  const folders = { val: "test", search: "search", train: "train", ...imagenet };
  const named = Object.entries(folders).map(([key, folder]) => `  ${key}: ${join(images, folder)}\n`);
  return temporaryFile(
    "evaluator.yaml",
    `checkpoints: {ofa-scenes: ${join(root, "examples/scenes/ofa_scenes.pth")}}\nimagenet:\n${named.join("")}` +
      `device: cpu\nanalognas: false\ncache_dir: ${temporaryFolder()}\n`,
  );
}

const space = ["--space", "ofa-scenes"];

const flags = (out: string) => ["--budget", "2", "--limit", `macs_m=${limit}`, "--out", out];

/** The configuration of the search, whose store knows what it measured. */
let searchedWith: string;
let searched: Summary;

beforeAll(async () => {
  searchedWith = configuration();
  searched = await json(["run", ...space, "--evaluator-config", searchedWith, ...flags(newRun())]);
}, 300_000);

test("a search within a limit finds subnets that classify images it has not seen", async () => {
  const { run, spend, best } = searched;
  expect(spend.evaluations).toBe(2);
  expect(best?.costs.macs_m).toBeLessThanOrEqual(limit);
  expect(best?.metrics).toMatchObject({ images: scans * variants });
  expect(best?.metrics.accuracy).toBeGreaterThan(20);
  expect(best?.test?.accuracy).toBeGreaterThan(20);
  expect(best?.test?.accuracy).not.toBe(best?.metrics.accuracy);
  expect(best?.sameImagesAsSearch).toBe(false);
  for (const event of events(run)) {
    if (event.type === "run-started") expect(event.space.provenance).toContain("ofa_scenes.pth, SHA-256 ");
    if (event.type === "architecture-measured") expect(JSON.stringify(event)).toMatch(/"top5":\d/);
  }
  expect(existsSync(join(run, "evaluator.log"))).toBe(true);
  expect(readFileSync(join(run, "evaluator.log"), "utf8")).not.toContain("Traceback");
  expect((await collmNas(["replay", run])).code).toBe(0);
}, 300_000);

test("two processes give an architecture the same number, and one store gives it at once", async () => {
  const evaluate = async (config: string) => {
    const text = JSON.stringify(searched.best?.architecture);
    const words = ["evaluate", text, ...space, "--evaluator-config", config];
    return (await json(words)) as unknown as { metrics: object; seconds: number };
  };
  const other = await evaluate(configuration());
  expect(other.metrics).toEqual(searched.best?.metrics);
  expect(other.seconds).toBeGreaterThan(0);
  expect(searched.funnel.storedEvaluated).toBe(0);
  const again = await json(["run", ...space, "--evaluator-config", searchedWith, ...flags(newRun())]);
  expect(again.best?.metrics).toEqual(other.metrics);
  expect(again.funnel).toMatchObject({ evaluated: 2, storedEvaluated: 2 });
  expect(again.spend.evaluationSeconds).toBe(0);
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
