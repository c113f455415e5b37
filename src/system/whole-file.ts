/**
 * Files that are written whole or not at all, as private as the folder they are put in.
 *
 * Owns the name under which a file is written before it takes its place, and what others may do with files and folders
 * that are made: no more than with the folder around them, and within the user's own mask. Knows nothing of what is in a
 * file.
 */
import { constants, statSync } from "node:fs";
import { chmod, mkdir, open, rename, rm, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { codeOf } from "./system-error.ts";

/** For nobody but their owner. */
const privateFolder = 0o700;
const privateFile = 0o600;
/** As the user's mask has it. */
const usualFolder = 0o777;
const usualFile = 0o666;

/** The mode of a file of its own. @param isShared whether the user's mask alone says who may read it */
export function ownFileMode(isShared: boolean): number {
  return isShared ? usualFile : privateFile;
}

/** Makes a folder that holds what models were asked and answered. @param isShared as above. @throws EEXIST where it is there */
export async function makeOwnFolder(path: string, isShared: boolean): Promise<void> {
  await makeFolder(dirname(resolve(path)));
  await mkdir(path, { mode: isShared ? usualFolder : privateFolder });
}

/** The same for one that was there, and empty, where it may be changed. */
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

/** Puts a file in its place, whole; what was there before goes. */
export async function writeWhole(
  path: string,
  text: string,
  mode = fileModeIn(dirname(path)),
): Promise<void> {
  const part = `${path}.part`;
  // What bears the name may be no file, and then nobody may be there to take what is written.
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
