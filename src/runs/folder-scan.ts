/**
 * Finds the runs and benches in a folder.
 *
 * A folder with a journal is a run and is not searched further. A bench is found as deep as a run, and its runs as deep below it
 * as a bench makes them. Links are not followed: nothing outside the folder is found. Reads no file.
 */
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import pLimit from "p-limit";
import { journalPath } from "./run-folder.ts";
import { stampOf } from "./run-record.ts";

/** A run or a bench. */
export interface Found {
  readonly folder: string;
  /** Of its journal, or of the file that makes it a bench. */
  readonly path: string;
  /** Differs when that file has changed. */
  readonly stamp: string;
  readonly bytes: number;
}

/** Both by id, which is the path below the folder, in the order of the ids. */
export interface FolderScan {
  readonly runs: ReadonlyMap<string, Found>;
  readonly benches: ReadonlyMap<string, Found>;
  /** Whether all of the folder was searched: it ends after `mostFolders`. */
  readonly isWhole: boolean;
}

/** In a folder that is not one of runs, such as a home, the search ends somewhere. */
export const mostFolders = 20_000;

/** @param benchName the name of the file that makes a folder a bench */
export async function scanFolder(root: string, benchName: string): Promise<FolderScan> {
  const runs: [string, Found][] = [];
  const benches: [string, Found][] = [];
  const limit = pLimit(mostAtOnce);
  let folders = 0;
  const fileIn = async (folder: string, path: string): Promise<Found | null> => {
    const file = await limit(() => lstat(path).catch(() => null));
    return file?.isFile() === true ? { folder, path, stamp: stampOf(file), bytes: file.size } : null;
  };
  const scan = async (folder: string, id: string, levels: number): Promise<void> => {
    folders += 1;
    if (folders > mostFolders) return;
    const run = await fileIn(folder, journalPath(folder));
    if (run !== null) {
      runs.push([id, run]);
      return;
    }
    const bench = await fileIn(folder, join(folder, benchName));
    if (bench !== null) benches.push([id, bench]);
    const below = bench === null ? levels : Math.max(levels, deepestInBench);
    if (below === 0) return;
    const entries = await limit(() => readdir(folder, { withFileTypes: true }).catch(() => []));
    await Promise.all(
      entries
        .filter(
          (entry) => entry.isDirectory() && !entry.name.startsWith(".") && entry.name !== "node_modules",
        )
        .map(({ name }) => scan(join(folder, name), id === "." ? name : `${id}/${name}`, below - 1)),
    );
  };
  await scan(root, ".", deepest);
  return { runs: byId(runs), benches: byId(benches), isWhole: folders <= mostFolders };
}

// --- internal ---

const mostAtOnce = 32;
/** So many folders down a run or a bench is found. Below a bench its own runs are, in folders as plan.ts names them. */
const deepest = 3;
const deepestInBench = 4;

function byId(entries: [string, Found][]): ReadonlyMap<string, Found> {
  return new Map(entries.sort(([one], [other]) => (one < other ? -1 : 1)));
}
