/**
 * The npm package as another program uses it: the lines of its page, in a folder in which it is installed.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { collmNas, root, shown, temporaryFolder } from "../support/cli.ts";

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
