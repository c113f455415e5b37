/**
 * Bundles the live page: `node scripts/bundle-page.mjs FOLDER` writes into FOLDER what a browser gets of src/dashboard/page.
 *
 * A view and the drawing library are files of their own, loaded when they are needed. Each file has a source map, so that
 * a browser's tools show the sources; each name has a digest of the content. files.json lists what the page needs at
 * once, the page's entry before all, and what it needs later; licences.txt has the licences of the packages in the bundle.
 * Types are not checked here: `tsc -p tsconfig.page.json` does that.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { licencesOf } from "./licences.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error("bundle-page: usage: node scripts/bundle-page.mjs FOLDER");
  process.exit(2);
}

const { outputFiles, metafile } = await build({
  absWorkingDir: root,
  entryPoints: ["src/dashboard/page/main.ts"],
  tsconfig: "tsconfig.page.json",
  // Where the bundle is in the end, wherever FOLDER is: the source maps name the sources from there.
  outdir: "dist/dashboard/page",
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  target: "es2023",
  minify: true,
  sourcemap: true,
  metafile: true,
  write: false,
  logLevel: "warning",
});

const modules = Object.entries(metafile.outputs).filter(([path]) => path.endsWith(".js"));
const [entry, { imports }] = modules.find(([, { entryPoint }]) => entryPoint?.endsWith("/main.ts"));
const atOnce = [entry, ...imports.filter(({ kind }) => kind === "import-statement").map(({ path }) => path)];
const later = modules.map(([path]) => path).filter((path) => !atOnce.includes(path));

mkdirSync(folder, { recursive: true });
const write = (name, text) => writeFileSync(join(folder, name), text);
for (const { path, contents } of outputFiles) write(basename(path), contents);
const names = (paths) => paths.map((path) => basename(path));
write("files.json", JSON.stringify({ atOnce: names(atOnce), later: names(later) }));
write(
  "licences.txt",
  licencesOf(
    root,
    modules.map(([, output]) => output),
  ),
);
