/**
 * Writes what an evaluator prints to standard error into a file.
 *
 * A run's folder is made after its evaluator has answered. Until there is a file, the end of the text is kept in memory.
 */
import { closeSync, constants, fstatSync, openSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { fileModeIn } from "../system/whole-file.ts";

const mostKeptBytes = 1024 * 1024;
/** Does not wait for a reader if the name is that of a pipe. */
const appending = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;

export class EvaluatorLog {
  #file: string | null = null;
  #kept: Buffer[] = [];

  /** The file, or null while there is none. */
  get file(): string | null {
    return this.#file;
  }

  /** Appends to this file from now on, first what was kept. If the file cannot be written, the text stays in memory. */
  begin(file: string): void {
    if (append(file, Buffer.concat(this.#kept))) {
      this.#file = file;
      this.#kept = [];
    }
  }

  write(bytes: Buffer): void {
    if (this.#file !== null) append(this.#file, bytes);
    else this.#kept = [Buffer.concat([...this.#kept, bytes]).subarray(-mostKeptBytes)];
  }
}

/** Writes at once, so that nothing is lost however the process ends. If the disk refuses it, the run continues. */
function append(file: string, bytes: Buffer): boolean {
  try {
    const opened = openSync(file, appending, fileModeIn(dirname(file)));
    try {
      if (!fstatSync(opened).isFile()) return false;
      for (let written = 0; written < bytes.length; ) written += writeSync(opened, bytes, written);
      return true;
    } finally {
      closeSync(opened);
    }
  } catch {
    return false;
  }
}
