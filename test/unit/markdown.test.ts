import { describe, expect, it } from "vitest";
import type { Table } from "../../src/report/exhibit.ts";
import { studyMarkdown, tableMarkdown } from "../../src/report/markdown.ts";
import { cohortsOf, type RunName } from "../../src/report/study.ts";
import { reportedRun } from "../support/reported-runs.ts";

const cells = (...rows: string[][]): Table => ({
  id: "t",
  title: "T",
  caption: "",
  data: [],
  columns: [
    { name: "Search", align: "left" },
    { name: "Value", align: "right" },
  ],
  rows,
});

describe("a table", () => {
  it("is aligned in the source as on the page", () => {
    expect(tableMarkdown(cells(["ours", "91.59 ± 0.04"], ["chance (control)", "–"]))).toBe(
      [
        "| Search           |        Value |",
        "| ---------------- | -----------: |",
        "| ours             | 91.59 ± 0.04 |",
        "| chance (control) |            – |",
      ].join("\n"),
    );
  });

  it("shows every cell as the text it is", () => {
    const written = (text: string) => tableMarkdown(cells([text, ""])).split("\n")[2];
    expect(written("|skip~0|+|nor_conv~1|")).toContain(String.raw`\|skip\~0\|+\|nor_conv\~1\|`);
    expect(written("a\nb\r\n c")).toContain("| a b c ");
    expect(written("<img src=x>")).toContain(String.raw`\<img src=x\>`);
    expect(written("[x](http://y) *z* `q` _w_ \\")).toContain(
      String.raw`\[x\](http://y) \*z\* \`q\` \_w\_ \\`,
    );
  });

  it("of no rows is its head", () => {
    expect(tableMarkdown(cells()).split("\n")).toHaveLength(2);
  });
});

describe("a study", () => {
  const folders = [0, 1].map((seed) => reportedRun([80, 90], { folder: `runs/${seed}`, search: { seed } }));
  const named = new Map(
    folders.map(({ folder }): [string, RunName] => [folder, { label: "ours", isControl: false }]),
  );
  const page = studyMarkdown({
    title: "A *study*",
    cohorts: cohortsOf(folders, named, [
      {
        folder: "runs/2",
        label: "ours",
        isControl: false,
        space: "tiny",
        reason: "model | refused\n# Not a heading",
      },
    ]),
    references: [],
    unreadable: [{ folder: "runs/3", reason: "line 4 is no JSON" }],
    command: "collm-nas report runs\n--out x",
    program: "collm-nas",
    benches: ["collm-nas bench plan.yaml\n# not a heading"],
    madeAt: "2026-01-01T00:00:00.000Z",
    versions: { "collm-nas": "0.1.0", node: "v20" },
  });

  it("says what it is of, what made it and what is not counted", () => {
    expect(page.split("\n\n## Results")[0]).toBe(
      [
        String.raw`# A \*study\*`,
        "",
        "2 runs counted, 1 lost, 1 unreadable, with collm-nas 0.0.0.",
        "",
        "Runs by:",
        "",
        "    collm-nas bench plan.yaml # not a heading",
        "",
        "This page, at 2026-01-01T00:00:00.000Z with collm-nas 0.1.0, node v20, by:",
        "",
        "    collm-nas report runs --out x",
        "",
        "Numbers of tiny from: made up for tests.",
        "",
        "## Runs that are not counted",
        "",
        String.raw`- ours on tiny: runs/2: model \| refused \# Not a heading`,
        "- unreadable: runs/3: line 4 is no JSON",
      ].join("\n"),
    );
  });

  it("holds every table under its title, with its caption", () => {
    expect(page.match(/^## .*$/gm)).toEqual([
      "## Runs that are not counted",
      "## Results on tiny",
      "## What was found on tiny",
      "## What it used on tiny",
      "## Where candidates were lost on tiny",
      "## How to read this page",
    ]);
    expect(page).toContain("\n| ours   | 2 of 3 | 90.00 ± 0.00 |");
    expect(page).toContain("\n\n2 of 3 planned runs are counted;");
  });
});
