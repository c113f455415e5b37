/**
 * The npm package as another program uses it, by the lines of its page; and as a person installs it who has Node and
 * no Python.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { collmNas, python, root, shown, temporaryFolder } from "../support/cli.ts";
import { type Installed, installed, type Packed, packed } from "../support/installed-package.ts";

const page = readFileSync(join(root, "docs/reference/typescript.md"), "utf8");

it("searches, resumes, replays, benches and reads a run by the lines of its page", async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(root, join(folder, "node_modules/collm-nas"));
  const programs = [...page.matchAll(/^```js title="([^"]+)"\n([^]*?)^```$/gm)];
  for (const [, title = "", text = ""] of programs) writeFileSync(join(folder, title), text);
  const titles = programs.map(([, title]) => title);
  expect(titles).toEqual(["search.mjs", "resume.mjs", "bench.mjs", "read-run.mjs"]);

  expect(await ran(folder, "search.mjs")).toMatch(/^runs\/first \S+ 9\d\.\d+\n$/);
  const run = join(folder, "runs/first");
  expect(await shown(run)).toMatchObject({ searcher: "random", status: "ended", spend: { evaluations: 20 } });
  expect(await ran(folder, "resume.mjs")).toMatch(/^30 \d+ true\n$/);
  expect(await ran(folder, "read-run.mjs")).toMatch(/^30 9\d\.\d+ \{/);

  const plan = {
    title: "Two",
    spaces: ["analognas-baseline"],
    seeds: 5,
    searchers: ["random"],
    controls: [],
  };
  writeFileSync(join(folder, "plan.yaml"), JSON.stringify(plan));
  expect(await ran(folder, "bench.mjs")).toBe("benches/plan 2 0\n");

  // What a program made is a run like any other.
  const replayed = await collmNas(["replay", run]);
  expect(replayed.stdout).toContain("every decision of the run came out as recorded");
});

describe("installed in an empty folder, without Python", () => {
  let archive: Packed;
  let user: Installed;
  beforeAll(() => {
    archive = packed();
    user = installed(archive);
    // npm unpacks over a hundred packages: on a busy machine that takes a while.
  }, 300_000);
  const run = join(root, "test/fixtures/rules-v1");

  it("is small, and has what it needs alone", () => {
    const { size, paths } = archive;
    expect(size).toBeLessThan(1_200_000);
    expect(paths).toEqual(
      expect.arrayContaining([
        "bin/collm-nas.cjs",
        "dist/cli/main.js",
        "dist/app/python-environment.mjs",
        "proto/collm_nas/v1/evaluator.proto",
        "python-evaluator/collm_nas/__init__.py",
        "python-evaluator/collm_nas_evaluator/server.py",
        "python-evaluator/requirements/light.txt",
      ]),
    );
    const needless =
      /^(src|test|scripts|bench)\/|__pycache__|\/tests\/|\.map$|requirements\/(test|docs|bench)/;
    expect(paths.filter((path) => needless.test(path))).toEqual([]);
  });

  it("installs without a warning about Node", () => {
    expect(user.warnings).not.toContain("EBADENGINE");
  });

  it("says what it does, and shows and reports a run", async () => {
    const help = await user.collmNas(["--help"]);
    expect(help).toMatchObject({ code: 0, stderr: "" });
    expect(help.stdout).toContain("setup [options]");
    const show = await user.collmNas(["show", run], { npm_command: "exec" });
    expect(show).toMatchObject({ code: 0, stderr: "" });
    // What it suggests can be typed by a person who has it by npx alone.
    expect(show.stdout).toMatch(/^Winner .*^Next +npx collm-nas /ms);
    const page = join(user.folder, "report.html");
    expect(await user.collmNas(["report", run, "--out", page])).toMatchObject({ code: 0 });
    expect(readFileSync(page, "utf8")).toContain("</html>");
  });

  it("names the set-up where an evaluator is needed, and the set-up says what it lacks", async () => {
    const noPython = "collm-nas: no Python for the evaluator: run `npx collm-nas setup`, ";
    const spaces = await user.collmNas(["spaces"]);
    expect(spaces).toMatchObject({ code: 2, stdout: "" });
    expect(spaces.stderr).toContain(noPython);
    const doctor = await user.collmNas(["doctor", "--space", "any"]);
    expect(doctor.code).toBe(2);
    expect(doctor.stdout.replace(/\s+/g, " ")).toContain("run `npx collm-nas setup`");
    const setup = await user.collmNas(["setup"]);
    expect(setup).toMatchObject({ code: 2, stdout: "" });
    expect(setup.stderr).toMatch(
      /^collm-nas: needs Python 3\.11 or newer, and none was found: install one .*\n$/,
    );
  });

  it("starts evaluators with the Python of the set-up, unless another one is named", async () => {
    const data = join(user.folder, "other-data");
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
    const made = join(data, `collm-nas/python-${version}`);
    mkdirSync(join(made, "bin"), { recursive: true });
    writeFileSync(join(made, "bin/python"), `#!/bin/sh\nexec "${python}" "$@"\n`, { mode: 0o755 });
    writeFileSync(
      join(made, ".collm-nas-setup"),
      JSON.stringify({ root: join(data, "collm-nas"), uv: "0.1.0" }),
    );
    const doctor = ["doctor", "--space", "analognas-baseline", "--json"];
    const found = await user.collmNas(doctor, { XDG_DATA_HOME: data });
    expect(found.code, found.stderr).toBe(0);
    expect(found.stdout).toContain(`started here by ${join(made, "bin/python")}, version`);
    const named = await user.collmNas(doctor, {
      XDG_DATA_HOME: data,
      COLLM_NAS_PYTHON: "/nonexistent/python",
    });
    expect(named.code).toBe(2);
    expect(named.stdout).toContain("/nonexistent/python");
  });

  it("says what the set-up does, and what to do where there is no network; the next call begins again", async () => {
    const data = join(user.folder, "data");
    const environment = {
      COLLM_NAS_PYTHON: python,
      XDG_DATA_HOME: data,
      PIP_INDEX_URL: "http://127.0.0.1:9/simple",
      PIP_NO_CACHE_DIR: "1",
      PIP_RETRIES: "0",
    };
    const setup = await user.collmNas(["setup", "--json"], environment);
    expect(setup).toMatchObject({ code: 2, stdout: "" });
    const [folder = ""] = readdirSync(join(data, "collm-nas")).map((name) => join(data, "collm-nas", name));
    expect(folder).toMatch(/python-\d+\.\d+\.\d+$/);
    const lines = setup.stderr.split("\n");
    expect(lines.slice(0, 4)).toEqual([
      `the Python side goes into ${folder}`,
      expect.stringMatching(/^it is made with \/.*, Python 3\.\d+\.\d+$/),
      "it gets the evaluator, the table of analog-nasbench: about 165 MB, from the package index that pip and uv use",
      "1/4  Python environment …",
    ]);
    expect(lines.slice(4)).toEqual([
      expect.stringMatching(
        /^collm-nas: cannot make .*: the package index cannot be reached, or it lacks a package; check the network,/,
      ),
      "",
    ]);
    expect(existsSync(join(folder, "bin/python"))).toBe(true);
    // It is unfinished, and so it is not used.
    const spaces = await user.collmNas(["spaces"], { XDG_DATA_HOME: data });
    expect(spaces.stderr).toContain("no Python for the evaluator");
  });
});

async function ran(folder: string, program: string): Promise<string> {
  const child = spawn(process.execPath, [program], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  const out = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    child[name].setEncoding("utf8").on("data", (text: string) => (out[name] += text));
  const [code] = (await once(child, "close")) as [number | null];
  expect(code, out.stderr).toBe(0);
  expect(out.stderr).toBe("");
  return out.stdout;
}
