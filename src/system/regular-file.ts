/**
 * Reads regular files, and nothing else that has a name in a folder.
 *
 * A named pipe, a device, a socket, a folder and a link to one of them are refused before a byte is read, so that no name can make
 * a reader wait. Every file that others may have put in its place is read through here.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats } from "node:fs";
import { type FileHandle, open, readFile } from "node:fs/promises";

/** What is no regular file; `code` is one of the system's where it has one for that. */
export class NotRegular extends Error {
  readonly code: string;

  constructor(stats: Pick<Stats, "isDirectory" | "isFIFO" | "isSocket">) {
    const what = stats.isDirectory()
      ? "folder"
      : stats.isFIFO()
        ? "named pipe"
        : stats.isSocket()
          ? "socket"
          : "device";
    super(`it is a ${what}, and no file`);
    this.name = new.target.name;
    this.code = stats.isDirectory() ? "EISDIR" : "ENOTREGULAR";
  }
}

/** Opening never waits for another process. A file that cannot be opened fails with the system's code. */
const flags = {
  read: constants.O_RDONLY | constants.O_NONBLOCK,
  update: constants.O_RDWR | constants.O_NONBLOCK,
} as const;

/**
 * Opens a regular file, to be read or to be read and written.
 *
 * @throws NotRegular for anything else
 */
export async function openRegular(path: string, use: keyof typeof flags = "read"): Promise<FileHandle> {
  const file = await open(path, flags[use]);
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new NotRegular(stats);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** @throws NotRegular for what is no regular file */
export async function requireRegular(path: string): Promise<void> {
  await (await openRegular(path)).close();
}

/** All of a regular file. @throws NotRegular for anything else */
export async function readRegular(path: string): Promise<Buffer> {
  const file = await openRegular(path);
  try {
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/** What a shell has opened for this process, as for `<(…)`: it may be a pipe. */
const handedOver = /^\/dev\/(?:stdin|fd\/[0-9]+)$/;

/** All of a file that a person names in a command. @throws NotRegular for what is neither regular nor opened by the shell */
export async function readNamed(path: string): Promise<Buffer> {
  return handedOver.test(path) ? await readFile(path) : await readRegular(path);
}

/** A file with more bytes than its reader takes. */
export class TooLarge extends Error {
  constructor(most: number) {
    super(`it has more than ${Math.floor(most / 2 ** 20)} MiB`);
    this.name = new.target.name;
  }
}

/** The same as `readNamed`, up to a number of bytes. @throws also TooLarge, before more than that is read */
export async function readNamedWithin(path: string, most: number): Promise<Buffer> {
  const file = handedOver.test(path) ? await open(path) : await openRegular(path);
  try {
    const pieces: Buffer[] = [];
    for (let read = 0; ; ) {
      const { bytesRead, buffer } = await file.read({ buffer: Buffer.alloc(2 ** 20) });
      read += bytesRead;
      if (read > most) throw new TooLarge(most);
      if (bytesRead === 0) return Buffer.concat(pieces);
      pieces.push(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

/** The same as `readRegular`, at once. */
export function readRegularSync(path: string): Buffer {
  const file = openSync(path, flags.read);
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) throw new NotRegular(stats);
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}
