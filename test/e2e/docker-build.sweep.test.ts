/**
 * The control plane as its image has it, without a container engine: built from the very files that its Dockerfile copies,
 * it runs a search.
 *
 * `npm test` builds it with the packages of the checkout, `npm run test:long` by the image's own script, which installs
 * them and takes away what is not shipped.
 */
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { basename, join } from "node:path";
import { expect, test } from "vitest";
import { root, evaluator, temporaryFolder } from "../support/cli.ts";
import { copies, instructions } from "../support/dockerfile.ts";
import { casesOf } from "../support/sweep.ts";

const isWhole = casesOf({ few: false, all: true });

function expectDone({ status, stderr, stdout }: SpawnSyncReturns<string>): void {
  expect(status, stderr + stdout).toBe(0);
}

test("the control plane, built as its image is, searches with an evaluator elsewhere", async () => {
  const build = temporaryFolder();
  for (const { sources, target } of copies("control")) {
    if (target.startsWith("/")) continue;
    const into = join(build, target);
    for (const source of sources) {
      const isFolder = statSync(join(root, source)).isDirectory();
      cpSync(join(root, source), isFolder ? into : join(into, basename(source)), { recursive: true });
    }
  }
  if (isWhole) {
    expectDone(spawnSync("docker/build-control.sh", [], { cwd: build, encoding: "utf8" }));
    // Compilers, tests and formatters are not shipped.
    for (const gone of ["typescript", "esbuild", "vitest", "@biomejs/biome", "oxlint"])
      expect(existsSync(join(build, "node_modules", gone)), gone).toBe(false);
  } else {
    const commands = readFileSync(join(build, "docker/build-control.sh"), "utf8").split("\n");
    const [first, middle, last] = commands.filter((line) => line.startsWith("npm "));
    expect(first).toMatch(/^npm ci /);
    expect(last).toMatch(/^npm prune /);
    symlinkSync(join(root, "node_modules"), join(build, "node_modules"));
    expectDone(spawnSync("sh", ["-euc", middle ?? ""], { cwd: build, encoding: "utf8" }));
  }

  const image = temporaryFolder();
  for (const { keyword, rest } of instructions("control")) {
    const [from, source, target] = rest.split(/\s+/) as [string, string, string];
    if (keyword !== "COPY" || from !== "--from=build") continue;
    expect(target).toBe(source);
    const [made, into] = [join(build, source.replace("/opt/collm-nas/", "")), join(image, target)].map(
      (path) => path.replace(/\/$/, ""),
    ) as [string, string];
    if (lstatSync(made).isSymbolicLink()) symlinkSync(realpathSync(made), into);
    else cpSync(made, into, { recursive: true });
  }
  const work = join(image, "work");
  mkdirSync(work);
  const [program, script] = JSON.parse(
    instructions("control").find(({ keyword }) => keyword === "ENTRYPOINT")?.rest ?? "[]",
  ) as [string, string];
  const search = ["run", "--space", "analognas-baseline", "--budget", "20"];
  const ran = spawnSync(
    program,
    [join(image, script), ...search, "--evaluator", evaluator.address, "--json"],
    { cwd: work, encoding: "utf8" },
  );
  expectDone(ran);
  expect(existsSync(join(work, "runs"))).toBe(true);
}, 180_000);
