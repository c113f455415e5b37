/** What a browser gets of this program: the page's bundle and nothing else, with maps that lead to the sources. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { type PageFiles, readPageFiles } from "../../src/dashboard/page-files.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = join(root, "dist/dashboard/page");
let files: PageFiles;
/** Every source of the bundle by its path in the checkout, and the modules it is in. */
const sources = new Map<string, { readonly text: string; readonly modules: string[] }>();

beforeAll(async () => {
  files = await readPageFiles(folder);
  for (const [name, text] of files.texts) {
    if (!name.endsWith(".map")) continue;
    const map = JSON.parse(text) as { sources: string[]; sourcesContent: string[] };
    for (const [place, source] of map.sources.entries()) {
      const path = join("dist/dashboard/page", source);
      const { modules } = sources.get(path) ?? { modules: [] };
      sources.set(path, {
        text: map.sourcesContent[place] ?? "",
        modules: [...modules, name.slice(0, -".map".length)],
      });
    }
  }
});

describe("the page's bundle", () => {
  it("lists every module once, and each has a source map", () => {
    const modules = [...files.texts.keys()].filter((name) => name.endsWith(".js"));
    expect([...files.atOnce, ...files.later].toSorted()).toEqual(modules.toSorted());
    for (const name of modules) {
      expect(files.texts.get(name)).toContain(`//# sourceMappingURL=${name}.map`);
      expect(files.texts.has(`${name}.map`), name).toBe(true);
    }
  });

  it("begins with the entry, and leaves what draws and what reads records for later", () => {
    const modulesOf = (path: string) => sources.get(path)?.modules ?? [];
    expect(modulesOf("src/dashboard/page/main.ts")).toEqual([files.atOnce[0]]);
    expect(files.later).toContain(modulesOf("src/dashboard/page/run-view.ts")[0]);
    const early = new Set(files.atOnce);
    const heavy = /^node_modules\/(@observablehq\/plot|d3-|zod|ml-matrix|diff|csv-stringify)/;
    const paths = [...sources].filter(([, { modules }]) => modules.some((name) => early.has(name)));
    expect(paths.map(([path]) => path).filter((path) => heavy.test(path))).toEqual([]);
    for (const library of ["@observablehq/plot", "zod"])
      expect([...sources.keys()].some((path) => path.startsWith(`node_modules/${library}/`))).toBe(true);
  });

  it("has no more of zod than is used", () => {
    const languages = [...sources.keys()].filter((path) => path.startsWith("node_modules/zod/v4/locales/"));
    expect(languages).toEqual(["node_modules/zod/v4/locales/en.js"]);
  });

  it("is made of the page, the search and the report as they are now, and of no other part", () => {
    const own = [...sources].filter(([path]) => !path.startsWith("node_modules/"));
    expect(own.length).toBeGreaterThan(40);
    for (const [path, { text }] of own) {
      expect(path).toMatch(/^src\/(errors\.ts$|dashboard\/page\/|report\/|search\/|settings\.ts$|text\/)/);
      expect(text, path).toBe(readFileSync(join(root, path), "utf8"));
    }
  });

  it("comes with the licence of every package that is in it", () => {
    const licences = readFileSync(join(folder, "licences.txt"), "utf8");
    const packages = new Set(
      [...sources.keys()].flatMap((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []),
    );
    expect(packages.size).toBeGreaterThan(10);
    for (const name of packages) {
      const manifest = JSON.parse(readFileSync(join(root, "node_modules", name, "package.json"), "utf8")) as {
        version: string;
      };
      expect(licences).toContain(`${name} ${manifest.version} (`);
    }
  });
});
