/** The record of a ranking experiment: it is continued where it was broken off, and refused where it is another one. */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { evaluator, killAt, start, temporaryFile, until } from "../support/cli.ts";
import { serverError, stalledHeaders } from "../support/model-server.ts";
import {
  commandLine,
  contents,
  controls,
  expectOneLine,
  first,
  model,
  newFile,
  ofCosts,
  one,
  perfect,
  rank,
  right,
  serve,
  spaceId,
  trials,
} from "../support/rankings.ts";

describe("an experiment that was broken off", () => {
  /** Goes on with a record by a model that is always right; returns how many requests that took. */
  async function goOn(out: string): Promise<number> {
    const server = await serve(perfect);
    const { summary, ended } = await rank(["--out", out, ...model(server)]);
    expect(ended.code, ended.stderr).toBe(0);
    expect(first(summary)).toMatchObject({ readable: trials, tau: { mean: one, trials } });
    expect(ofCosts(summary)).toEqual(controls.rankers);
    expect(contents(out)).toEqual(contents(right.summary.file));
    return server.requests.length;
  }

  test("by a server that keeps failing ends with exit 3 and the way to go on", async () => {
    const out = newFile();
    const file = temporaryFile("rank.yaml", "model: {name: test-model, retries: 1}\n");
    const bad = await serve((request, index) => (index < 2 ? perfect(request) : serverError()));
    const { ended, summary } = await rank([file, "--out", out, ...model(bad)]);
    expect(ended.code, ended.stderr).toBe(3);
    expect(ended.stderr).toContain("failed (500: ");
    expect(ended.stderr).toContain("waiting ");
    const line = /then continue with: (.*)$/m.exec(ended.stderr)?.[1] ?? "";
    expect(line).toContain(`bin/collm-nas rank ${file} --`);
    for (const words of [`--space ${spaceId}`, `--out ${out}`, `--trials ${trials}`, "--model test-model"])
      expect(line).toContain(words);
    expect(summary).toMatchObject({ status: "failed", trials: 2, asked: trials });
    expect(first(summary)).toMatchObject({ readable: 2, tau: { mean: one } });
    expect(await goOn(out)).toBe(trials - 2);
  });

  test("before the first trial leaves no record behind", async () => {
    const out = newFile();
    const file = temporaryFile("rank.yaml", "model: {name: test-model, retries: 0}\n");
    const { ended } = await rank([file, "--out", out, ...model(await serve(() => serverError()))]);
    expect(ended.code, ended.stderr).toBe(3);
    expect(ended.stdout).toBe("");
    expect(existsSync(out)).toBe(false);
  });

  test.each([
    ["after a trial", 4, 3],
    ["in the middle of writing one", 4.5, 3],
  ])("by a kill %s goes on there", async (_when, place, kept) => {
    const out = newFile();
    const server = await serve(perfect);
    const { ended } = await rank(["--out", out, ...model(server)], { env: killAt(place) });
    expect(ended.signal).toBe("SIGKILL");
    expect(readFileSync(out, "utf8").endsWith("\n")).toBe(Number.isInteger(place));
    expect(await goOn(out)).toBe(trials - kept);
  });

  test("by Ctrl-C says how to go on", async () => {
    const out = newFile();
    const server = await serve((request, index) => (index < 2 ? perfect(request) : stalledHeaders()));
    const run = start(commandLine(["--out", out, ...model(server)]));
    await until("the third trial is asked for", () => server.requests.length === 3);
    run.interrupt();
    const ended = await run.ended;
    expect(ended.code, ended.stderr).toBe(3);
    expect(ended.stderr).toContain("then continue with: ");
    expect(JSON.parse(ended.stdout)).toMatchObject({ status: "interrupted", trials: 2 });
    expect(await goOn(out)).toBe(trials - 2);
  });
});

describe("a record that is there", () => {
  test.each([
    [["--seed", "1"], "another seed: 0 there, 1 here"],
    [["--cells", "5"], "another cells: 10 there, 5 here"],
    [["--draws", "fixed"], 'another draws: "fresh" there, "fixed" here'],
    [
      ["--space", "analognas-ptq", "--evaluator", evaluator.address],
      `another space: "${spaceId}" there, "analognas-ptq" here`,
    ],
    [["--model", "m", "--base-url", "http://127.0.0.1:9/v1"], 'another model: none there, "m" here'],
  ])("is not gone on with under %j", async (flags, words) => {
    const before = readFileSync(controls.file, "utf8");
    const { ended } = await rank(["--out", controls.file, ...flags]);
    expectOneLine(ended, 2, words);
    expect(readFileSync(controls.file, "utf8")).toBe(before);
  });

  test("and is something else is left as it is", async () => {
    for (const text of ["notes", "notes\n", '{"type": "run-started"}\n{"v": 1']) {
      const out = temporaryFile("notes.txt", text);
      expectOneLine((await rank(["--out", out])).ended, 2, "holds something else");
      expect(readFileSync(out, "utf8")).toBe(text);
    }
  });

  test("with a line that was changed is not trusted", async () => {
    const text = readFileSync(controls.file, "utf8");
    const out = temporaryFile("ranking.jsonl", text.replace('"trial":3', '"trial":4'));
    expectOneLine((await rank(["--out", out])).ended, 5, "line 4: trial 4 cannot be at this place");
    writeFileSync(out, text.replace(/("value":)[0-9.]+/, "$112.5"));
    const { ended } = await rank(["--out", out]);
    expect(ended.code).toBe(5);
    expect(ended.stderr).toContain("trial 1 in ");
    writeFileSync(out, text);
    appendFileSync(out, "no JSON\n");
    expectOneLine((await rank(["--out", out])).ended, 5, "line 11: not JSON");
  });
});
