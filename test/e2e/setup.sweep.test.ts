/**
 * `collm-nas setup` of the installed package with the real package index, in `npm run test:long`: it is stopped in the
 * middle, then made, then added to; and a search runs on the table that it brought. `npm test` takes none of it:
 * package.test.ts has what needs no index.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { python, temporaryFolder, until } from "../support/cli.ts";
import { installed, packed } from "../support/installed-package.ts";
import { casesOf } from "../support/sweep.ts";

test.skipIf(!casesOf({ few: false, all: true }))("a real set-up, and a search with it", async () => {
  const user = installed(packed());
  const data = temporaryFolder();
  // The caches of pip and uv are those of this machine.
  const environment = {
    ...Object.fromEntries(Object.entries(process.env).filter(([, value]) => value !== undefined)),
    XDG_DATA_HOME: data,
    COLLM_NAS_PYTHON: python,
  } as Record<string, string>;
  const using = { ...environment, COLLM_NAS_PYTHON: "" };

  // Ctrl-C while pip is at work.
  const stopped = spawn(user.command, ["setup"], { env: environment, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  stopped.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  const ended = once(stopped, "close");
  const folder = await until("the folder is there", () => {
    const [name] = existsSync(join(data, "collm-nas")) ? readdirSync(join(data, "collm-nas")) : [];
    const made = name === undefined ? "" : join(data, "collm-nas", name.replace(/\.lock$/, ""));
    return existsSync(join(made, "bin/python")) && made;
  });
  stopped.kill("SIGINT");
  expect(await ended).toEqual([3, null]);
  expect(said).toMatch(/collm-nas: the set-up was stopped: the same command makes the folder again\n$/);
  expect(readdirSync(join(data, "collm-nas"))).toEqual([folder.slice(folder.lastIndexOf("/") + 1)]);
  expect((await user.collmNas(["spaces"], using)).code).toBe(2);

  // Two at once: one waits for the other, and finds nothing to do.
  const both = await Promise.all([1, 2].map(() => user.collmNas(["setup", "--json"], environment)));
  expect(both.map(({ code, stderr }) => (code === 0 ? "" : stderr))).toEqual(["", ""]);
  const made = both.map(({ stdout }) => JSON.parse(stdout) as { changed: boolean; folder: string });
  expect(made.filter(({ changed }) => changed)).toHaveLength(1);
  expect(made[0]).toMatchObject({ folder, parts: ["tables"], instead: python });
  const again = await user.collmNas(["setup"], using);
  expect(again).toMatchObject({ code: 0, stderr: "" });
  expect(again.stdout).toMatch(/^Nothing to do: evaluators are started from /);

  const run = ["run", "--space", "analognas-baseline", "--searcher", "rules", "--budget", "20", "--json"];
  const searched = await user.collmNas(run, using);
  expect(searched.code, searched.stderr).toBe(0);
  expect(JSON.parse(searched.stdout)).toMatchObject({ status: "ended", spend: { evaluations: 20 } });
  const doctor = await user.collmNas(["doctor", "--space", "analognas-baseline"], {
    ...using,
    COLUMNS: "400",
  });
  expect(doctor.stdout).toContain(join(folder, "bin/python"));

  // Sources that have changed are copied, and nothing else is done.
  const sources = join(user.folder, "node_modules/collm-nas/python-evaluator/collm_nas_evaluator");
  writeFileSync(join(sources, "new.py"), "");
  const changed = await user.collmNas(["setup"], environment);
  expect(changed.stderr).toMatch(
    /\nit gets the evaluator of this version\n1\/1 {2}evaluator …\n1\/1 {2}evaluator: .*\n$/,
  );
  expect(changed.stdout).toContain(`COLLM_NAS_PYTHON names ${python}: unset it`);

  // The folder works without the package that made it; npx may delete that at any time.
  rmSync(join(user.folder, "node_modules"), { recursive: true });
  const version = spawn(join(folder, "bin/collm-nas-evaluator"), ["--version"], { cwd: data });
  expect(await once(version, "close")).toEqual([0, null]);
});
