/**
 * How the TypeScript tests run. dist/ is built before the first, so that a test may start the command as a user does.
 *
 * The place and the text of a test file decide how it runs; no file is listed here.
 *
 * - "e2e": all of test/e2e. One process per file, one Python evaluator for all of them.
 * - "long": every NAME.sweep.test.ts. Such a file checks one thing over very many cases: a few of them in `npm test`,
 *   all of them in `npm run test:long` (see test/support/sweep.ts). Its few cases run in one of the other projects.
 * - "shared": the unit and contract files that use nothing of their process. They share a process and its modules, which
 *   is many times quicker. `usesItsProcess` decides.
 * - "alone": all other unit and contract files. One process per file.
 */
import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { configDefaults, defineConfig } from "vitest/config";

const root = dirname(fileURLToPath(import.meta.url));
const common = {
  testTimeout: 60_000,
  hookTimeout: 60_000,
  // What was built is run as it is.
  server: { deps: { external: [/\/dist\//] } },
};

/** What a file may import and still share a process, besides the sources and test files for which the same is true. */
const harmless = new Set(
  "crypto events fs fs/promises http net os path stream stream/promises timers/promises url util zlib"
    .split(" ")
    .map((name) => `node:${name}`)
    .concat("vitest fast-check json5 linkedom ml-matrix yaml zod @observablehq/plot".split(" ")),
);
/**
 * Environment, signals, working folder; fake timers and stubs (spies are taken back after each test); globals; the lock of a
 * run and its socket, which belong to the process that holds them.
 */
const ofTheProcess =
  /(?<![-\w])process[.[]\w|\bvi\.(?!fn|spyOn|restoreAllMocks|waitFor)|\bglobalThis\b|\/(run-lock|steering-socket)\.ts"/;

/** Whether a test file, or a test file that it imports, uses what all files in one process would share. */
function usesItsProcess(path: string): boolean {
  const text = readFileSync(path, "utf8");
  if (ofTheProcess.test(text)) return true;
  const imported = [...text.matchAll(/^(?:import|export)\b[^;]*?\bfrom "([^"]+)";|^import "([^"]+)";/gm)];
  return imported.some(([, from, bare]) => {
    const name = from ?? bare ?? "";
    if (!name.startsWith(".")) return !harmless.has(name);
    const file = join(dirname(path), name);
    return relative(join(root, "test"), file).startsWith("..") ? false : usesItsProcess(file);
  });
}

const small = ["unit", "contract"].flatMap((folder) =>
  readdirSync(join(root, "test", folder))
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => `test/${folder}/${name}`),
);
const shared = small.filter((path) => !usesItsProcess(join(root, path)));

export default defineConfig({
  test: {
    globalSetup: ["test/support/build.ts"],
    // More than cores: most end-to-end files wait for the processes that they start.
    maxWorkers: 3 * availableParallelism(),
    projects: [
      {
        test: {
          ...common,
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          pool: "forks",
          globalSetup: ["test/support/shared-evaluator.ts"],
          provide: { sweep: "few" },
        },
      },
      {
        test: {
          ...common,
          name: "alone",
          include: ["test/{unit,contract}/**/*.test.ts"],
          exclude: [...configDefaults.exclude, ...shared],
          pool: "forks",
          provide: { sweep: "few" },
        },
      },
      {
        test: {
          ...common,
          name: "shared",
          include: shared,
          pool: "forks",
          isolate: false,
          restoreMocks: true,
          provide: { sweep: "few" },
        },
      },
      {
        test: {
          ...common,
          testTimeout: 900_000,
          name: "long",
          include: ["test/**/*.sweep.test.ts"],
          pool: "forks",
          globalSetup: ["test/support/shared-evaluator.ts"],
          provide: { sweep: "all" },
        },
      },
    ],
  },
});
