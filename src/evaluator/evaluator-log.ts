/**
 * The file that takes what an evaluator writes to standard error.
 *
 * Owns what was written before the file had a name: a run's folder is made only once its evaluator has answered. As
 * long as there is no file, only the end is kept. Knows neither evaluator nor run.
 */
import { closeSync, constants, fstatSync, openSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { fileModeIn } from "../system/whole-file.ts";

const mostKeptBytes = 1024 * 1024;
/** Without waiting for a reader, where the name is a pipe's. */
const appending = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;

export class EvaluatorLog {
  #file: string | null = null;
  #kept: Buffer[] = [];

  /** The file, or null while there is none. */
  get file(): string | null {
    return this.#file;
  }

  /** Appends to this file from here on, after what was kept so far. One that cannot be written is as good as none. */
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

/** At once, so that nothing is lost however the process ends. The run goes on without what its disk does not take. */
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
