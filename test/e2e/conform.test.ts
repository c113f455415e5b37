/** `conform` as a person calls it: at the Python evaluator, at the example in one file, and at evaluators of other people. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { execPath } from "node:process";
import { describe, expect, test } from "vitest";
import type { Conformance } from "../../src/app/conform.ts";
import { cleanUps } from "../support/clean-ups.ts";
import { collmNas, evaluator, python, root, temporaryFolder } from "../support/cli.ts";
import { ForeignEvaluator, serveForeign } from "../support/foreign-evaluator.mjs";

const cleanups = cleanUps();

/** Starts a program in an empty folder, and waits for the address that it prints. */
async function listening(command: string, args: readonly string[], cwd = temporaryFolder()): Promise<string> {
  const child = spawn(command, args, { cwd, stdio: ["ignore", "pipe", "inherit"] });
  cleanups.push(() => child.kill("SIGKILL"));
  const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  return (JSON.parse(line) as { listening: string }).listening;
}

async function serve(changes: Partial<ForeignEvaluator>): Promise<string> {
  const { address, stop } = await serveForeign(Object.assign(new ForeignEvaluator(), changes));
  cleanups.push(stop);
  return address;
}

describe("conforms", () => {
  test("the Python evaluator", async () => {
    const ended = await collmNas(["conform", evaluator.address, "--space", "analognas-baseline"]);
    expect(ended).toMatchObject({ code: 0, stderr: "" });
    expect(ended.stdout).toMatch(/^analognas-baseline: \d+ checks, 0 fall short; \d+ evaluations\.$/m);
    expect(ended.stdout).not.toContain("falls short");
  });

  test("the example in one file, in a folder of its own", async () => {
    const folder = temporaryFolder();
    copyFileSync(join(root, "examples/minimal_evaluator.py"), join(folder, "mine.py"));
    const ended = await collmNas(["conform", await listening(python, ["mine.py"], folder)]);
    expect(ended).toMatchObject({ code: 0, stderr: "" });
    expect(ended.stdout).toMatch(/three-kernels: \d+ checks, 0 fall short; 12 evaluations\.\n$/);
  });

  test("an evaluator in JavaScript, in a process of its own", async () => {
    const address = await listening(execPath, [join(root, "test/support/foreign-evaluator.mjs")]);
    const ended = await collmNas(["conform", address, "--json", "--evaluations", "5"]);
    expect(ended.code).toBe(0);
    const found = JSON.parse(ended.stdout) as Conformance & { address: string };
    expect(found).toMatchObject({
      ok: true,
      address,
      spaces: ["blocks", "gates"],
      serverVersion: "foreign 1",
    });
    expect(found.checks.map(({ status }) => status)).not.toContain("falls short");
  });
});

describe("falls short", () => {
  test("one line each, with the sentence of the contract, and exit code 5", async () => {
    const address = await serve({
      outcome: (_space, architecture, index) => ({
        index,
        architecture,
        measurement: { metrics: { accuracy: 101, latency: 1 }, seconds: -1 },
      }),
    });
    const { code, stdout, stderr } = await collmNas(["conform", address, "--space", "blocks"]);
    expect({ code, stderr }).toEqual({ code: 5, stderr: "" });
    const [first, second, blank, last, end] = stdout.split("\n");
    expect(first).toMatch(
      /^falls short {2}blocks: evaluate-percent: Evaluate measured "\{.*\}": accuracy is 101 percent\. The contract: "A metric in "percent" has to lie between 0 and 100\."$/,
    );
    expect(second).toMatch(
      /^falls short {2}blocks: evaluate-seconds: .* it took -1 seconds\. The contract: ".*"$/,
    );
    expect([blank, end]).toEqual(["", ""]);
    expect(last).toMatch(/^blocks: \d+ checks, 2 fall short; 12 evaluations\.$/);
    const json = await collmNas(["conform", address, "--space", "blocks", "--json"]);
    expect(json.code).toBe(5);
    expect(
      (JSON.parse(json.stdout) as Conformance).checks.filter(({ status }) => status === "falls short"),
    ).toEqual([
      {
        check: "evaluate-percent",
        space: "blocks",
        status: "falls short",
        sentence: 'A metric in "percent" has to lie between 0 and 100.',
        what: expect.stringMatching(/accuracy is 101 percent$/),
      },
      expect.objectContaining({ check: "evaluate-seconds" }),
    ]);
  });

  test("in words that no terminal obeys", async () => {
    const hostile = "\u001b[2Jgone\u202e\r\n\u0007";
    const address = await serve({
      find: (id) => {
        throw Object.assign(new Error(hostile), { code: 2, details: `${hostile} ${id}` });
      },
    });
    for (const json of [[], ["--json"]]) {
      const { code, stdout } = await collmNas(["conform", address, ...json]);
      expect(code).toBe(5);
      expect(stdout).toContain("gone");
      // oxlint-disable-next-line no-control-regex
      expect(stdout).not.toMatch(/[\u001b\u0007\u202e\r]/);
    }
  });
});

test.each([
  [["127.0.0.1:1"], 3, "evaluator 127.0.0.1:1 is not available"],
  [["nowhere"], 2, 'evaluator "nowhere" is not HOST:PORT'],
  [[evaluator.address, "--space", "analognas-baselime"], 2, 'did you mean "analognas-baseline"?'],
  [[evaluator.address, "--evaluations", "0"], 2, "--evaluations"],
])("is not begun: %o", async (args, code, words) => {
  const ended = await collmNas(["conform", ...args]);
  expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code, stdout: "" });
  expect(ended.stderr.trimEnd().split("\n")).toHaveLength(1);
  expect(ended.stderr).toContain(words);
});
