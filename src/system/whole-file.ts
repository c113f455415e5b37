/**
 * Writes files whole or not at all, and makes folders, each as private as the folder around it.
 *
 * A file is written under another name first. Others may do no more with it than with the folder around it, and no more than the
 * user's own mask allows.
 */
import { constants, statSync } from "node:fs";
import { chmod, mkdir, open, rename, rm, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { codeOf } from "./system-error.ts";

/** For nobody but their owner. */
const privateFolder = 0o700;
const privateFile = 0o600;
/** As far as the user's mask allows. */
const usualFolder = 0o777;
const usualFile = 0o666;

/** The mode of a private file. @param isShared whether others may read it, as far as the user's mask allows */
export function ownFileMode(isShared: boolean): number {
  return isShared ? usualFile : privateFile;
}

/** Makes a private folder, for what models were asked and answered. @param isShared as above @throws EEXIST where it is there */
export async function makeOwnFolder(path: string, isShared: boolean): Promise<void> {
  await makeFolder(dirname(resolve(path)));
  await mkdir(path, { mode: isShared ? usualFolder : privateFolder });
}

/** Makes an empty folder private, where that is allowed. */
export async function takeOwnFolder(path: string, isShared: boolean): Promise<void> {
  if (!isShared) await chmod(path, privateFolder).catch(() => {});
}

/** The mode for a new file in a folder: others get what they have of the folder, but no right to run it. */
export function fileModeIn(folder: string): number {
  return folderModeIn(folder) & usualFile;
}

/** Makes a folder, and those above it, each as private as the one around it. */
export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: folderModeIn(dirname(resolve(path))) });
}

/** Puts a whole file in its place, and replaces what was there. */
export async function writeWhole(
  path: string,
  text: string,
  mode = fileModeIn(dirname(path)),
): Promise<void> {
  const part = `${path}.part`;
  // There may be a pipe with this name that nobody reads.
  await rm(part, { force: true });
  try {
    await writeFile(part, text, { flag: "wx", mode });
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true }).catch(() => {});
    throw error;
  }
}

/** Makes the entries of a folder last. File systems that cannot do so say EINVAL or ENOTSUP. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } catch (error) {
    if (!["EINVAL", "ENOTSUP"].includes(codeOf(error))) throw error;
  } finally {
    await handle.close();
  }
}

// --- internal ---

/** The nearest folder that is there decides. */
function folderModeIn(folder: string): number {
  const path = resolve(folder);
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return path === dirname(path) ? usualFolder : folderModeIn(dirname(path));
  return privateFolder | (stats.mode & 0o077);
}
