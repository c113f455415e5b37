/** A report as a page: what stands in it, that text stays text, and that it needs nothing but itself. */
import { createHash } from "node:crypto";
import { parseHTML } from "linkedom";
import { beforeAll, describe, expect, it } from "vitest";
import { comparedSpaces } from "../../src/report/comparison.ts";
import { longestCaption, notesOf, readingTitle } from "../../src/report/exhibit.ts";
import { abstractOf, sectionsOf } from "../../src/report/sections.ts";
import { csvOf } from "../../src/report/csv.ts";
import { generatorMark, page } from "../../src/report/page.ts";
import type { ReportedRun, RunName, Study } from "../../src/report/study.ts";
import { collm } from "../../src/searchers/collm.ts";
import { random } from "../../src/searchers/random.ts";
import { reportedRun } from "../support/reported-runs.ts";
import { searchedRun, studyOf } from "../support/searched-runs.ts";

type Document = ReturnType<typeof parseHTML>["document"];

const seeds = [0, 1, 2];
let runs: readonly ReportedRun[];
let named: ReadonlyMap<string, RunName>;

beforeAll(async () => {
  runs = await Promise.all(
    [collm, random].flatMap((searcher) => seeds.map((seed) => searchedRun(searcher, { seed }))),
  );
  named = new Map(
    runs.map(({ folder, state }) => [
      folder,
      { label: state.search.searcher, isControl: state.search.searcher === "random" },
    ]),
  );
});

function written(study: Study): string {
  return page(study, sectionsOf(study));
}

function read(html: string): Document {
  return parseHTML(html).document;
}

function texts(document: Document, selector: string): string[] {
  return [...document.querySelectorAll(selector)].map(({ textContent }) => textContent ?? "");
}

/** Runs of final scores under a label, a seed each. */
function scored(label: string, scores: readonly number[]): ReportedRun[] {
  return scores.map((score, seed) =>
    reportedRun([score], { folder: `${label}/${seed}`, search: { searcher: label, seed } }),
  );
}

describe("a page", () => {
  it("numbers its tables and figures, each with a caption and the data behind it", () => {
    const study = studyOf(runs, { named });
    const exhibits = sectionsOf(study).flatMap((section) => section.exhibits);
    const document = read(written(study));
    const captions = texts(document, "figcaption");
    expect(captions).toHaveLength(exhibits.length);
    const numbers = captions.map((caption) => /^(Table|Figure) (\d+)\. /.exec(caption)?.slice(1, 3) ?? []);
    for (const kind of ["Table", "Figure"]) {
      const own = numbers.filter(([word]) => word === kind).map(([, number]) => Number(number));
      expect(own).toEqual(own.map((_, index) => index + 1));
      expect(own.length).toBeGreaterThan(3);
    }
    const links = [...document.querySelectorAll("a[download$='.csv']")];
    expect(links).toHaveLength(exhibits.length);
    for (const [index, link] of links.entries()) {
      const exhibit = exhibits[index];
      expect(link.getAttribute("download")).toBe(`${exhibit?.id}.csv`);
      const [head, data = ""] = (link.getAttribute("href") ?? "").split("base64,");
      expect(head).toBe("data:text/csv;charset=utf-8;");
      expect(Buffer.from(data, "base64").toString("utf8")).toBe(csvOf(exhibit?.data ?? []));
    }
    expect(new Set(exhibits.map(({ id }) => id)).size).toBe(exhibits.length);
    const drawings = [...document.querySelectorAll("a[download$='.svg']")];
    const figures = exhibits.filter((exhibit) => "svg" in exhibit);
    expect(drawings.map((link) => link.getAttribute("download"))).toEqual(
      figures.map(({ id }) => `${id}.svg`),
    );
    for (const link of drawings) {
      const [, data = ""] = (link.getAttribute("href") ?? "").split("base64,");
      expect(Buffer.from(data, "base64").toString("utf8")).toMatch(
        /^<svg style="background: #fff.*<\/svg>$/s,
      );
    }
  });

  it("says once what its words mean, and nothing but what is shown in captions", () => {
    const study = studyOf(runs, { named });
    const exhibits = sectionsOf(study).flatMap((section) => section.exhibits);
    const document = read(written(study));
    const notes = notesOf(exhibits);
    expect(new Set(notes.map(({ words }) => words)).size).toBe(notes.length);
    expect(document.getElementById("reading")?.textContent).toBe(readingTitle);
    expect(texts(document, ".notes dt")).toEqual(notes.map(({ term }) => term));
    expect(texts(document, ".notes dd")).toEqual(notes.map(({ words }) => words));
    const main = document.querySelector("main")?.textContent ?? "";
    for (const { words } of notes) expect(main.split(words), words).toHaveLength(2);
  });

  it("has captions of about two lines, whatever there is to show", () => {
    const wide = seeds.flatMap((seed) =>
      Array.from({ length: 12 }, (_, at) =>
        reportedRun([80 + at, 81, null], {
          folder: `s${at}/${seed}`,
          search: { seed, searcher: `searcher-${at}`, limits: { flops_m: 300 }, budget: 20 + at },
        }),
      ),
    );
    const many = new Map(
      wide.map(({ folder, state }, at) => [folder, { label: state.search.searcher, isControl: at % 12 > 9 }]),
    );
    const studies = [
      studyOf(runs, { named }),
      studyOf(runs),
      studyOf(wide, { named: many }),
      studyOf(wide.slice(0, 1)),
    ];
    for (const { id, caption } of studies.flatMap((study) =>
      sectionsOf(study).flatMap(({ exhibits }) => exhibits),
    ))
      expect(caption.length, `${id}: ${caption}`).toBeLessThanOrEqual(longestCaption);
  });

  it("can be found its way about in: headings, landmarks, heads of tables, words for figures", () => {
    const document = read(written(studyOf(runs, { named })));
    expect(document.documentElement?.getAttribute("lang")).toBe("en");
    expect(texts(document, "h1")).toEqual(["A study"]);
    expect(document.querySelectorAll("main")).toHaveLength(1);
    for (const section of document.querySelectorAll("section")) {
      const heading = section.getAttribute("aria-labelledby") ?? "";
      expect(document.getElementById(heading)?.tagName).toBe("H2");
    }
    for (const table of document.querySelectorAll("table")) {
      expect(table.querySelectorAll("thead th[scope=col]").length).toBeGreaterThan(1);
      expect(table.closest("[tabindex='0']")).not.toBeNull();
    }
    for (const svg of document.querySelectorAll("svg"))
      expect(svg.getAttribute("aria-label")).toMatch(/.{30}/);
  });

  it("says how it was made and which runs it lacks", () => {
    const unfinished = reportedRun([1, 2], { folder: "runs/open", ends: false });
    const study = studyOf([...runs, unfinished], {
      named,
      command: "collm-nas report benches/one --out x.html",
      unreadable: [{ folder: "runs/torn", reason: "line 3: not JSON" }],
    });
    const document = read(written(study));
    expect(document.querySelector("header")?.textContent).toContain("6 counted, 2 left out");
    expect(texts(document, "pre")[0]).toBe("collm-nas report benches/one --out x.html");
    expect(document.querySelector("time")?.getAttribute("datetime")).toBe("2026-01-01T00:00:00.000Z");
    expect(document.querySelector("header")?.textContent).toContain("collm-nas 0.1.0");
    expect(texts(document, ".lost li")).toEqual([
      expect.stringContaining("runs/open: unfinished"),
      expect.stringContaining("runs/torn: line 3: not JSON"),
    ]);
  });

  it("needs nothing but itself and allows nothing else", () => {
    const html = written(studyOf(runs, { named }));
    const document = read(html);
    const style = document.querySelector("style")?.textContent ?? "";
    const policy = document.querySelector("meta[http-equiv]")?.getAttribute("content") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain(`style-src 'sha256-${createHash("sha256").update(style).digest("base64")}'`);
    expect(policy).not.toContain("unsafe");
    expect(policy).not.toContain("script-src");
    expect(style).not.toMatch(/url\(|@import/);
    expect(document.querySelectorAll("style")).toHaveLength(1);
    expect(document.querySelectorAll("script, img, iframe, object, embed, [src], [style]")).toHaveLength(0);
    for (const link of document.querySelectorAll("[href]"))
      expect(link.getAttribute("href")).toMatch(/^(#|data:(text\/csv;|image\/svg\+xml;|,))/);
    expect(html.slice(0, 4096)).toContain(generatorMark);
  });

  it("shows text of others as text", () => {
    const hostile = `</title></pre><script>alert(1)</script><img src=x onerror=alert(2)>"' onload="alert(3)`;
    const [first, ...others] = runs as [ReportedRun, ...ReportedRun[]];
    const told = {
      ...first,
      folder: `runs/${hostile}`,
      state: {
        ...first.state,
        rounds: first.state.rounds.map((round) => ({ ...round, strategy: `## Summary\n${hostile}` })),
        space: { ...first.state.space, summary: hostile },
      },
    };
    const study = studyOf([told, ...others.slice(2)], {
      named: new Map([[told.folder, { label: `ours ${hostile}`, isControl: false }]]),
      title: hostile,
      command: `collm-nas report ${hostile}`,
      unreadable: [{ folder: hostile, reason: hostile }],
    });
    const document = read(written(study));
    const elements = [...document.querySelectorAll("*")];
    expect(elements.filter(({ tagName }) => /^(script|img)$/i.test(tagName))).toEqual([]);
    const attributes = elements.flatMap((element) => [...element.attributes].map(({ name }) => name));
    expect(attributes.filter((name) => name.startsWith("on"))).toEqual([]);
    expect(texts(document, "title")).toEqual([hostile]);
    expect(texts(document, "h1")).toEqual([hostile]);
    expect(texts(document, "pre")[0]).toBe(`collm-nas report ${hostile}`);
    expect(texts(document, "td")).toContain(hostile);
    expect(texts(document, ".lost li")[0]).toContain(`${hostile}: ${hostile}`);
    expect(texts(document, "th[scope=row]").some((text) => text === `ours ${hostile}`)).toBe(true);
  });

  it("is made of whatever there is: a single run, one that found nothing, none that can be counted", () => {
    const nothing = reportedRun([null, null], { search: { searcher: "one" } });
    const unfinished = reportedRun([1, 2], { ends: false });
    for (const some of [scored("one", [5]), [nothing], [unfinished]]) {
      const study = studyOf(some);
      expect(texts(read(written(study)), "h2")[0]).toBe("tiny");
    }
    const [space] = comparedSpaces(studyOf([nothing]));
    expect(abstractOf(space as NonNullable<typeof space>)).toBe("On tiny no finished run found anything.");
  });
});

describe("the summary", () => {
  function said(parts: Readonly<Record<string, readonly number[]>>, controls: readonly string[]): string {
    const all = Object.entries(parts).flatMap(([label, scores]) => scored(label, scores));
    const names = new Map(
      all.map(({ folder, state: { search } }) => [
        folder,
        { label: search.searcher, isControl: controls.includes(search.searcher) },
      ]),
    );
    const [space] = comparedSpaces(studyOf(all, { named: names }));
    return abstractOf(space as NonNullable<typeof space>);
  }

  it("names the best search and the verdict against the strongest control", () => {
    const parts = { ours: [95, 96, 95, 96, 95], chance: [90, 91, 90, 91, 90], weak: [1, 1, 1, 1, 1] };
    expect(said(parts, ["chance", "weak"])).toBe(
      "On tiny, ours has the best mean accuracy on the search split of all but the controls: 95.40 over 5 runs. The strongest control, chance, has 90.40 over 5 runs; the search is ahead of it (paired by seed +5.00, 95 % interval +5.00 to +5.00, 5 pairs).",
    );
    expect(said({ ...parts, twin: parts.ours }, ["chance", "weak"])).toContain(
      "ours (level with 1 more) has",
    );
    expect(said({ ...parts, ours: [80, 81, 80, 81, 80] }, ["chance", "weak"])).toContain(
      "the search is behind it",
    );
    expect(said({ ...parts, ours: [91, 90, 91, 90, 90] }, ["chance"])).toContain(
      "no difference between the two was shown",
    );
  });

  it("says nothing about a difference from few pairs, and leaves controls out where there are none", () => {
    expect(said({ ours: [95], chance: [90] }, ["chance"])).toContain(
      "with fewer than 5 pairs of runs nothing is said",
    );
    expect(said({ ours: [95, 97], other: [90, 92] }, [])).toMatch(
      /^On tiny, ours has the best mean accuracy on the search split: 96\.00 over 2 runs\./,
    );
  });

  it("speaks of no mean where no search has more than one run, and of no best among one", () => {
    expect(said({ ours: [95], other: [90] }, [])).toMatch(
      /^On tiny, ours has the best accuracy on the search split: 95\.00 over 1 run\./,
    );
    expect(said({ ours: [95], chance: [90] }, ["chance"])).toContain(
      "ours has the best accuracy on the search split of all but the controls",
    );
    for (const parts of [{ ours: [95] }, { ours: [95], other: [90] }, { ours: [95], chance: [90] }])
      expect(said(parts, ["chance"])).not.toContain("mean");
    expect(said({ ours: [95, 97] }, [])).toMatch(
      /^On tiny, ours has the mean accuracy 96\.00 over 2 runs on the search split\./,
    );
    const alone = studyOf(scored("one", [5]));
    for (const { caption } of sectionsOf(alone).flatMap(({ exhibits }) => exhibits))
      expect(caption).not.toMatch(/mean over|means|interval/);
  });

  it("says why nothing is compared where no seed is common", () => {
    const ours = reportedRun([95], { folder: "a", search: { searcher: "ours", seed: 0 } });
    const chance = reportedRun([90], { folder: "b", search: { searcher: "chance", seed: 1 } });
    const names = new Map([
      ["a", { label: "ours", isControl: false }],
      ["b", { label: "chance", isControl: true }],
    ]);
    const [space] = comparedSpaces(studyOf([ours, chance], { named: names }));
    expect(abstractOf(space as NonNullable<typeof space>)).toContain(
      "no run of one has a seed in common with a run of the other",
    );
  });

  it("names a command that adds a control where there is none, with the limits and the budget", () => {
    const command =
      /collm-nas run --space tiny --searcher random --limit flops_m=300 --budget 2 --seed 4”\.$/;
    const run = (searcher: string) =>
      reportedRun([80, 81], { folder: searcher, search: { searcher, seed: 4, limits: { flops_m: 300 } } });
    const saidOf = (some: readonly ReportedRun[]) => {
      const [space] = comparedSpaces(studyOf(some));
      return abstractOf(space as NonNullable<typeof space>);
    };
    expect(saidOf([run("ours")])).toMatch(command);
    expect(saidOf([run("ours"), run("evolution")])).toMatch(command);
    for (const control of ["random", "costliest-first", "prior-random", "surrogate"])
      expect(saidOf([run("ours"), run(control)])).not.toContain("collm-nas run");
    expect(said({ ours: [95], chance: [90] }, ["chance"])).not.toContain("collm-nas run");
  });
});
