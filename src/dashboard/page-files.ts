/**
 * Reads the files of the live page, as scripts/bundle-page.mjs has made them, into memory.
 *
 * Only these files can be asked for, by their names. They stay as they were at the start, so that an open page still
 * works after the program was built again.
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface PageFiles {
  /** The modules that the page needs at once, its entry first. */
  readonly atOnce: readonly string[];
  /** The modules that it loads when a part of it is opened. */
  readonly later: readonly string[];
  /** Every module and every source map, by name. */
  readonly texts: ReadonlyMap<string, string>;
}

/** @param folder what the bundler wrote; the one of the last build unless given */
export async function readPageFiles(folder = bundleFolder): Promise<PageFiles> {
  const read = async (name: string) => await readFile(join(folder, name), "utf8");
  const { atOnce, later } = JSON.parse(await read("files.json")) as Pick<PageFiles, "atOnce" | "later">;
  const names = (await readdir(folder)).filter((name) => /\.js(\.map)?$/.test(name));
  const texts = await Promise.all(names.map(async (name) => [name, await read(name)] as const));
  return { atOnce, later, texts: new Map(texts) };
}

// --- internal ---

/** The same from src/dashboard and from dist/dashboard. */
const bundleFolder = fileURLToPath(new URL("../../dist/dashboard/page", import.meta.url));
