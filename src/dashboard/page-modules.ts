/**
 * The modules that the page runs: ours as they are compiled, and of some packages the very files that are installed.
 *
 * Owns which files of this program a browser may have and under which paths, and what the page's modules import by name.
 * Nothing is bundled. Knows no run.
 *
 * Of a package there is what imports lead to from the entries below, and nothing else; every path is looked up, so that
 * none that comes from outside is ever put together with a folder's.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** A file as a browser gets it. */
export interface Asset {
  readonly type: string;
  /** Another one whenever the content is. */
  readonly tag: string;
  read(): Promise<string>;
}

export interface PageModules {
  /** What the modules' imports by name stand for, as the text of an import map. */
  readonly importMap: string;
  /** The paths of the page's first module and of all that it leads to at once. */
  readonly paths: readonly string[];
  /** Those that it leads to when a part of the page is opened. */
  readonly later: readonly string[];
  /** What stands at a path below /modules/ or /packages/; null: nothing. */
  find(path: string): Promise<Asset | null>;
}

/** The page's first module. */
export const firstModule = "/modules/dashboard/page/main.js";

/** @param program the folder of this program's compiled modules */
export async function openPageModules(program: string): Promise<PageModules> {
  const roots = new Map(Object.entries(packageEntries).map(([name]) => [name, packageFolder(name)]));
  const [entries, made] = await Promise.all([entriesOf(roots), madeModules(roots)]);
  const names = new Map([
    ...Object.entries(standIns),
    ...entries,
    ...[...made.keys()].map((path) => [path.slice(madeUnder.length, -".js".length), path] as const),
  ]);
  /** The file at a path, wherever the path leads. */
  const fileAt = (path: string): string | null => {
    const [, name, rest] = packagePath.exec(path) ?? [];
    const root = roots.get(name ?? "");
    if (root !== undefined && rest !== undefined) return join(root, rest);
    return ownPath.test(path) ? join(program, path.slice(modulesUnder.length)) : null;
  };
  const read = async (path: string) => {
    const file = fileAt(path);
    return made.get(path) ?? (file === null ? null : await readFile(file, "utf8").catch(() => null));
  };
  const ofPackages = await reachable([...entries.values(), ...made.keys()], names, read);
  const find = async (path: string): Promise<Asset | null> => {
    const text = made.get(path);
    if (text !== undefined) return { type: javascript, tag: tagOf(text), read: async () => text };
    const file = ownPath.test(path) || ofPackages.has(path) ? fileAt(path) : null;
    const stats = file === null ? null : await stat(file).catch(() => null);
    if (file === null || stats === null || !stats.isFile()) return null;
    return {
      type: javascript,
      tag: `${stats.size}-${stats.mtimeMs}`,
      read: async () => await readFile(file, "utf8"),
    };
  };
  const paths = await reachable([firstModule], names, read);
  return {
    importMap: JSON.stringify({ imports: Object.fromEntries(inFolders(names)) }),
    paths: [...paths],
    later: [...(await reachable([firstModule], names, read, anyImport))].filter((path) => !paths.has(path)),
    find,
  };
}

/** A tag for a text that is at hand. */
export function tagOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

// --- internal ---

const javascript = "text/javascript; charset=utf-8";
const modulesUnder = "/modules/";
const madeUnder = "/packages/made/";
/** Parts of a path are plain names: no "..", nothing empty, nothing hidden, nothing encoded. */
const ownPath = /^\/modules\/(?:errors|(?:search|report|dashboard)(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]*)+)\.js$/;
const packagePath =
  /^\/packages\/((?:@[a-z-]+\/)?[a-z0-9-]+)\/((?:[A-Za-z0-9_-][A-Za-z0-9._-]*\/)*[A-Za-z0-9_-][A-Za-z0-9._-]*)$/;

/** What is imported by name, and the file of the package that it stands for; a folder's name ends in a slash. */
const packageEntries: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "lit-html": { "lit-html": "lit-html.js", "lit-html/directives/": "directives/" },
  // What is used of it: 3 files of 19.
  diff: { diff: "libesm/diff/word.js" },
  "@noble/hashes": {
    "@noble/hashes/sha2.js": "sha2.js",
    "@noble/hashes/utils.js": "utils.js",
  },
  "pure-rand": {
    "pure-rand/distribution/uniformInt": "lib/esm/distribution/uniformInt.js",
    "pure-rand/generator/xoroshiro128plus": "lib/esm/generator/xoroshiro128plus.js",
  },
  leven: { leven: "index.js" },
  "simple-statistics": { "simple-statistics": "dist/simple-statistics.mjs" },
  "csv-stringify": { "csv-stringify/sync": "dist/esm/sync.js" },
  zod: {},
  d3: {},
  "@observablehq/plot": {},
  "ml-matrix": {},
};

/** Imports that lead elsewhere in a browser than elsewhere. */
const standIns = {
  linkedom: "/modules/dashboard/page/browser-document.js",
  // The page shows none of zod's own messages; its list of languages leads to 60 files.
  "/packages/zod/v4/locales/index.js": "/packages/zod/v4/locales/en.js",
};

/**
 * Packages that come as scripts which set a global name, for as modules they are hundreds of files, or none that a browser
 * takes. `namesIn` is the file of the package that says what it exports.
 */
const scripts = [
  {
    name: "@observablehq/plot",
    global: "Plot",
    paths: ["/packages/d3/dist/d3.min.js", "/packages/@observablehq/plot/dist/plot.umd.min.js"],
    namesIn: "src/index.js",
  },
  {
    name: "ml-matrix",
    global: "mlMatrix",
    paths: ["/packages/ml-matrix/matrix.umd.js"],
    namesIn: "matrix.mjs",
  },
] as const;

/** Modules that are in no package as they are needed, by path. */
async function madeModules(roots: ReadonlyMap<string, string>): Promise<Map<string, string>> {
  const modules = new Map<string, string>();
  for (const { name, global, paths, namesIn } of scripts) {
    const names = exportedNames(await readFile(join(roots.get(name) as string, namesIn), "utf8"));
    modules.set(
      `${madeUnder}${name}.js`,
      [
        ...paths.map((path) => `import "${path}";`),
        `export const { ${names.join(", ")} } = globalThis.${global};`,
        "",
      ].join("\n"),
    );
  }
  // Under the page's policy no text becomes code: zod must not try to.
  modules.set(
    `${madeUnder}zod.js`,
    'import { config } from "/packages/zod/index.js";\nconfig({ jitless: true });\nexport * from "/packages/zod/index.js";\n',
  );
  return modules;
}

/** The names that a module exports, its default apart. */
function exportedNames(text: string): string[] {
  const constants = [...text.matchAll(/^export const (\w+)/gm)].map(([, name]) => name as string);
  const lists = [...text.matchAll(/^export\s*\{([^}]*)\}/gm)].flatMap(([, list]) =>
    (list as string).split(",").map(
      (item) =>
        item
          .trim()
          .split(/\s+as\s+/)
          .at(-1) as string,
    ),
  );
  return [...constants, ...lists].filter((name) => name !== "" && name !== "default");
}

/** Each name that is imported, and the path that it stands for. */
async function entriesOf(roots: ReadonlyMap<string, string>): Promise<Map<string, string>> {
  const entries = new Map<string, string>();
  for (const [name, imports] of Object.entries(packageEntries)) {
    for (const [specifier, file] of Object.entries(imports)) {
      const path = `/packages/${name}/${file}`;
      if (!file.endsWith("/")) entries.set(specifier, path);
      else
        for (const entry of await readdir(join(roots.get(name) as string, file)))
          if (entry.endsWith(".js")) entries.set(`${specifier}${entry}`, `${path}${entry}`);
    }
  }
  return entries;
}

/** Names of one folder by the folder's name alone. */
function* inFolders(names: ReadonlyMap<string, string>): Generator<readonly [string, string]> {
  const folders = Object.entries(packageEntries).flatMap(([name, imports]) =>
    Object.entries(imports).flatMap(([specifier, file]) =>
      file.endsWith("/") ? [[specifier, `/packages/${name}/${file}`] as const] : [],
    ),
  );
  yield* folders;
  for (const each of names) if (!folders.some(([folder]) => each[0].startsWith(folder))) yield each;
}

/** All paths that modules lead to by their imports, their own included. */
async function reachable(
  from: readonly string[],
  names: ReadonlyMap<string, string>,
  read: (path: string) => Promise<string | null>,
  imports = importStatement,
): Promise<Set<string>> {
  const found = new Set<string>();
  for (const queue = [...from]; queue.length > 0; ) {
    const path = queue.pop() as string;
    const text = found.has(path) ? null : await read(path);
    if (text === null) continue;
    found.add(path);
    for (const [, first, second, third] of text.matchAll(imports)) {
      const specifier = (first ?? second ?? third) as string;
      const target = /^\.?\.?\//.test(specifier)
        ? new URL(specifier, `http://page${path}`).pathname
        : specifier;
      const mapped = names.get(target) ?? target;
      if (mapped.startsWith("/")) queue.push(mapped);
    }
  }
  return found;
}

/** The specifier of a static import. What looks like one in a comment or a text leads to nothing that is not there. */
const importStatement =
  /\b(?:import|export)\b[^'"();]*?\bfrom\s*["']([^"'\n]+)["']|\bimport\s*["']([^"'\n]+)["']/g;

/** The same, or of an import that is made when it is needed. */
const anyImport = new RegExp(`${importStatement.source}|\\bimport\\(\\s*["']([^"'\\n]+)["']`, "g");

/** Where a package is installed. @throws Error when it is not */
function packageFolder(name: string): string {
  const require = createRequire(import.meta.url);
  const folder = (require.resolve.paths(name) ?? [])
    .map((parent) => join(parent, name))
    .find((candidate) => existsSync(join(candidate, "package.json")));
  if (folder === undefined) throw new Error(`package ${name} is not installed`);
  return folder;
}

/** The folder of this program's compiled modules, seen from a compiled module. */
export const programFolder = fileURLToPath(new URL("..", import.meta.url));
