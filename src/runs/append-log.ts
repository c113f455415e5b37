/**
 * A file of lines that only grows: the journal of a run, the record of a ranking.
 *
 * A line counts when it ends in a line break. An append is done when its lines are on disk. Before each append the size of
 * the file is compared with what this log wrote, so that nothing of another program is overwritten. An unfinished last line
 * can be cut off. What the lines say is the caller's, and so is the lock: a log has one writer.
 */
import { type FileHandle, open, rm } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { JournalDamaged } from "../errors.ts";
import { openRegular } from "../system/regular-file.ts";
import { cannotWrite } from "../system/system-error.ts";
import { syncFolder } from "../system/whole-file.ts";

/** Gets each line after it is stored, without its line break. Must not throw or wait. */
export type OnStored = (lines: readonly string[]) => void;

export interface LogTerms {
  readonly onStored?: OnStored;
  /** What the user does after an error, such as "resume". */
  readonly next: string;
}

interface Pending {
  readonly lines: readonly string[];
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class AppendLog {
  readonly path: string;
  readonly #file: FileHandle;
  readonly #terms: LogTerms;
  /** Where the next line begins. Everything before is stored. */
  #length: number;
  #tornBytes: number;
  #queue: Pending[] = [];
  #draining: Promise<void> | null = null;
  #failure: Error | null = null;
  #closed: Promise<void> | null = null;

  private constructor(
    path: string,
    file: FileHandle,
    terms: LogTerms,
    { length, tornBytes }: { readonly length: number; readonly tornBytes: number },
  ) {
    this.path = path;
    this.#file = file;
    this.#terms = terms;
    this.#length = length;
    this.#tornBytes = tornBytes;
  }

  /** Makes the file. Fails with the system's code, EEXIST where the file is there. */
  static async create(path: string, mode: number, terms: LogTerms): Promise<AppendLog> {
    const file = await open(path, "wx", mode);
    try {
      await syncFolder(dirname(resolve(path)));
      return new AppendLog(path, file, terms, { length: 0, tornBytes: 0 });
    } catch (error) {
      await file.close();
      await rm(path, { force: true });
      throw error;
    }
  }

  /** Opens a regular file and reads all of it. Changes nothing. Fails with the system's code. */
  static async open(path: string, terms: LogTerms): Promise<{ log: AppendLog; bytes: Buffer }> {
    const file = await openRegular(path, "update");
    try {
      const bytes = await file.readFile();
      const length = bytes.lastIndexOf("\n") + 1;
      return { log: new AppendLog(path, file, terms, { length, tornBytes: bytes.length - length }), bytes };
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Whether it holds no line. */
  get isEmpty(): boolean {
    return this.#length === 0;
  }

  /** Cuts off an unfinished last line. @returns its length in bytes; 0: there was none */
  async cutUnfinished(): Promise<number> {
    const bytes = this.#tornBytes;
    if (bytes > 0) {
      await this.#file.truncate(this.#length);
      await this.#file.sync();
      this.#tornBytes = 0;
    }
    return bytes;
  }

  /**
   * Resolves when the lines are on disk. Calls that overlap share one write and one sync.
   *
   * @param lines without line breaks
   * @throws Interrupted when the disk takes no more, JournalDamaged when something else changed the file. Every later call
   *   fails with the same error.
   */
  append(lines: readonly string[]): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== null) throw this.#failure;
      if (this.#closed !== null) throw new Error(`${this.path} was closed before this append`);
      this.#queue.push({ lines, resolve, reject });
      this.#draining ??= this.#drain();
    });
  }

  /** Waits for what is being stored, then closes the file. May be called again. */
  close(): Promise<void> {
    this.#closed ??= (async () => {
      await this.#draining;
      await this.#file.close();
    })();
    return this.#closed;
  }

  async #drain(): Promise<void> {
    // Calls made in the same turn of the event loop go into one batch.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0);
      const lines = batch.flatMap((call) => call.lines);
      const failure = await this.#store(Buffer.from(lines.map((line) => `${line}\n`).join("")));
      if (failure === null) {
        this.#terms.onStored?.(lines);
        for (const call of batch) call.resolve();
      } else {
        this.#failure = failure;
        for (const call of [...batch, ...this.#queue.splice(0)]) call.reject(failure);
      }
    }
    this.#draining = null;
  }

  /** @returns null when the bytes are on disk, or why they are not */
  async #store(bytes: Buffer): Promise<Error | null> {
    const file = this.#file;
    if (bytes.length === 0) return null;
    try {
      const { size } = await file.stat();
      if (size !== this.#length) {
        return new JournalDamaged(
          `${this.path} has ${size} bytes instead of ${this.#length}: something else changed it during the run; stop that, restore the file from a copy, then ${this.#terms.next}`,
        );
      }
      for (let written = 0; written < bytes.length; ) {
        const position = this.#length + written;
        written += (await file.write(bytes, written, bytes.length - written, position)).bytesWritten;
      }
      await file.datasync();
      this.#length += bytes.length;
      return null;
    } catch (error) {
      // If this fails too, the next open cuts off what is left.
      await file.truncate(this.#length).catch(ignore);
      await file.sync().catch(ignore);
      return cannotWrite(this.path, error, this.isEmpty ? "start again" : this.#terms.next);
    }
  }
}

// --- internal ---

function ignore(): void {}
