/**
 * The one Python evaluator that end-to-end files share: started before the first of them, ended after the last. It serves
 * what is served by default. A test that kills, stops, slows or configures an evaluator starts one of its own.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  export interface ProvidedContext {
    /** HOST:PORT. */
    evaluator: string;
  }
}

const root = fileURLToPath(new URL("../..", import.meta.url));

export async function setup(project: TestProject): Promise<() => void> {
  const child = spawn(
    `${root}.venv/bin/python`,
    ["-m", "collm_nas_evaluator", "serve", "--listen", "127.0.0.1:0"],
    {
      cwd: `${root}python-evaluator`,
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  project.provide("evaluator", await addressOf(child));
  return () => void child.kill("SIGKILL");
}

async function addressOf(child: ChildProcess): Promise<string> {
  let said = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (said += text));
  return await new Promise<string>((resolve, reject) => {
    child.once("error", reject).once("exit", () => reject(new Error(`the evaluator did not start: ${said}`)));
    if (child.stdout === null) return;
    createInterface({ input: child.stdout }).once("line", (line) => {
      resolve((JSON.parse(line) as { listening: string }).listening);
    });
  });
}
