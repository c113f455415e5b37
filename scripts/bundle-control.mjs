/**
 * Bundles the control plane for the Python package: `node scripts/bundle-control.mjs FOLDER` writes into FOLDER all that
 * Node needs to run it without node_modules/.
 *
 *   dist/cli/main.mjs     the program with its packages, as one file, as deep as it is in src/ and in dist/
 *   dist/dashboard/page/  what a browser gets
 *   proto/ presets/       as in the checkout
 *   package.json          name, version and the oldest Node
 *   search.schema.json    the JSON Schema of a search's settings
 *   licences.txt          the licences of the packages in the program
 *
 * zeromq and node-llama-cpp have native parts and stay outside: where they are missing, what needs them says so.
 * Types are not checked here.
 */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [given] = process.argv.slice(2);
if (given === undefined) fail("usage: node scripts/bundle-control.mjs FOLDER");
const folder = resolve(given);
if (!existsSync(join(root, "node_modules/esbuild"))) {
  fail(`the packages that it bundles are not installed: run \`node scripts/setup.cjs demo\` in ${root}`);
}
const { build } = await import("esbuild");
const { licencesOf } = await import("./licences.mjs");

const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: ["src/cli/main.ts"],
  outfile: join(folder, "dist/cli/main.mjs"),
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20.19",
  external: ["zeromq", "node-llama-cpp"],
  // Packages of the older kind call require. Names stay whole: those of errors are part of what the program says.
  banner: {
    js: 'import { createRequire as nodeRequire } from "node:module"; const require = nodeRequire(import.meta.url);',
  },
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
});
writeFileSync(join(folder, "licences.txt"), licencesOf(root, Object.values(metafile.outputs)));

for (const name of ["proto/collm_nas", "presets"]) {
  cpSync(join(root, name), join(folder, name), { recursive: true });
}
const { name, version, description, license, type, engines } = JSON.parse(
  readFileSync(join(root, "package.json"), "utf8"),
);
write("package.json", { name, version, description, license, type, engines, private: true });
node(join(root, "scripts/bundle-page.mjs"), join(folder, "dist/dashboard/page"));
write("search.schema.json", JSON.parse(node(join(folder, "dist/cli/main.mjs"), "schema", "search")));

function write(file, content) {
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  writeFileSync(join(folder, file), `${JSON.stringify(content, null, 2)}\n`);
}

/** What a program of ours prints. */
function node(...args) {
  const ran = spawnSync(process.execPath, args, { encoding: "utf8" });
  if (ran.status !== 0) fail(`${args.join(" ")} failed: ${ran.stderr || ran.error}`);
  return ran.stdout;
}

function fail(message) {
  console.error(`bundle-control: ${message}`);
  process.exit(2);
}
