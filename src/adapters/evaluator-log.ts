/**
 * The file that takes what an evaluator writes to standard error.
 *
 * Owns what was written before the file had a name: a run's folder is made only once its evaluator has answered. As
 * long as there is no file, only the end is kept. Knows neither evaluator nor run.
 */
import { appendFileSync } from "node:fs";

const mostKeptBytes = 1024 * 1024;

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
    appendFileSync(file, bytes);
    return true;
  } catch {
    return false;
  }
}
