/** What the page's modules get under the names that they import. */
import * as matrix from "ml-matrix";
import * as plot from "@observablehq/plot";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { openPageModules, type PageModules } from "../../src/dashboard/page-modules.ts";

let modules: PageModules;

beforeAll(async () => {
  modules = await openPageModules(fileURLToPath(new URL("../../dist", import.meta.url)));
});

async function textAt(path: string): Promise<string> {
  const asset = await modules.find(path);
  if (asset === null) throw new Error(`there is nothing at ${path}`);
  return await asset.read();
}

describe("a package that comes as a script", () => {
  it.each([
    ["@observablehq/plot", plot],
    ["ml-matrix", matrix],
  ])("%s gives the page every name that it gives elsewhere", async (name, elsewhere) => {
    const text = await textAt(`/packages/made/${name}.js`);
    const names = /export const \{ (.*) \}/.exec(text)?.[1]?.split(", ") ?? [];
    expect(names.sort()).toEqual(
      Object.keys(elsewhere)
        .filter((key) => key !== "default")
        .sort(),
    );
  });
});

describe("paths", () => {
  it("lead to everything that the first module leads to", async () => {
    expect(modules.paths).toContain("/modules/dashboard/page/main.js");
    expect(modules.paths).toContain("/packages/lit-html/lit-html.js");
    for (const path of modules.paths) expect(await modules.find(path), path).not.toBeNull();
  });

  it("tell apart what the first module leads to at once and what a part of the page needs", async () => {
    expect(modules.later).toContain("/modules/dashboard/page/run-view.js");
    expect(modules.later).toContain("/packages/@observablehq/plot/dist/plot.umd.min.js");
    expect(modules.later.filter((path) => modules.paths.includes(path))).toEqual([]);
    for (const path of modules.later) expect(await modules.find(path), path).not.toBeNull();
  });

  it.each([
    "/modules/cli.js",
    "/modules/config.js",
    "/modules/commands/run.js",
    "/modules/models/secrets.js",
    "/modules/searchers/prompts.js",
    "/modules/../package.json",
    "/modules/search/../cli.js",
    "/modules/search/state.d.ts",
    "/modules/search/.hidden.js",
    "/packages/lit-html/package.json",
    "/packages/zod/v4/locales/index.js",
    "/packages/zod/../hono/dist/index.js",
    "/packages/hono/dist/index.js",
    "/packages/openai/index.js",
    "/packages/made/../zod/index.js",
  ])("lead to nothing else: %s", async (path) => {
    expect(await modules.find(path)).toBeNull();
  });

  it("have another tag once the file is another one", async () => {
    const asset = await modules.find("/packages/made/zod.js");
    expect(asset?.tag).toMatch(/^[0-9a-f]{16}$/);
    expect((await modules.find("/modules/search/state.js"))?.tag).not.toBe(asset?.tag);
  });
});
