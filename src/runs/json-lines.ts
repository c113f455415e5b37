/**
 * A file of JSON lines that only grows.
 *
 * Owns that a line which was appended is stored for good, and that a last line which was never finished is cut off.
 * Knows nothing of what the lines say, but for who recognises the first one.
 */
import { type FileHandle, open, rm } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { JournalDamaged, UsageError } from "../errors.ts";
import { syncFolder } from "./journal-file.ts";
import { openRegular } from "../system/regular-file.ts";
import { cannotWrite, codeOf, unusable } from "../system/system-error.ts";
import { makeFolder, ownFileMode } from "../system/whole-file.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class JsonLines {
  readonly path: string;
  /** What stood in the file when it was opened; none when it was made. */
  readonly lines: readonly unknown[];
  /** The length of the unfinished last line that was cut off. */
  readonly tornBytes: number;
  readonly #file: FileHandle;
  #length: number;

  private constructor(
    path: string,
    file: FileHandle,
    { lines, length, tornBytes }: { lines: readonly unknown[]; length: number; tornBytes: number },
  ) {
    this.path = path;
    this.#file = file;
    this.lines = lines;
    this.#length = length;
    this.tornBytes = tornBytes;
  }

  /**
   * Opens a file, or makes it with its folder, for its owner alone.
   *
   * @param isShared whether the user's mask alone says who else may read a file that is made
   * @param isFirst whether a value can be the first line
   * @throws UsageError when the file cannot be used, or holds something else; JournalDamaged for a line that is no JSON
   */
  static async open(
    path: string,
    isFirst: (value: unknown) => boolean,
    isShared = false,
  ): Promise<JsonLines> {
    let file: FileHandle | null = null;
    try {
      file = await openOrMake(path, isShared);
      const bytes = await file.readFile();
      const whole = bytes.lastIndexOf("\n") + 1;
      const lines = linesOf(bytes.subarray(0, whole));
      const strange = lines.findIndex((line) => line === undefined);
      if (bytes.length > 0 && !isFirst(lines[0])) {
        throw new UsageError(
          `${path} holds something else, and nothing is overwritten; choose another --out`,
        );
      }
      if (strange !== -1) {
        throw new JournalDamaged(
          `${path}, line ${strange + 1}: not JSON; restore the file from a copy, or choose another --out`,
        );
      }
      const tornBytes = bytes.length - whole;
      if (tornBytes > 0) {
        await file.truncate(whole);
        await file.sync();
      }
      return new JsonLines(path, file, { lines, length: whole, tornBytes });
    } catch (error) {
      await file?.close();
      throw codeOf(error) === "" ? error : unusable(`cannot use ${path}`, error);
    }
  }

  /** Resolves once the values are stored for good. @throws Interrupted when the disk takes no more */
  async append(values: readonly unknown[]): Promise<void> {
    const bytes = Buffer.from(values.map((value) => `${JSON.stringify(value)}\n`).join(""));
    const { size } = await this.#file.stat();
    if (size !== this.#length) {
      throw new JournalDamaged(
        `${this.path} has ${size} bytes instead of ${this.#length}: something else writes it; stop that, restore the file from a copy, then go on`,
      );
    }
    try {
      for (let written = 0; written < bytes.length; ) {
        const position = this.#length + written;
        written += (await this.#file.write(bytes, written, bytes.length - written, position)).bytesWritten;
      }
      await this.#file.datasync();
      this.#length += bytes.length;
    } catch (error) {
      throw cannotWrite(this.path, error);
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  /** Closes the file and takes it away. */
  async discard(): Promise<void> {
    await this.#file.close();
    await rm(this.path, { force: true });
  }
}

// --- internal ---

async function openOrMake(path: string, isShared: boolean): Promise<FileHandle> {
  await makeFolder(dirname(resolve(path)));
  try {
    return await openRegular(path, "update");
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
  }
  const file = await open(path, "wx+", ownFileMode(isShared));
  await syncFolder(dirname(resolve(path)));
  return file;
}

/** One value a line; undefined for a line that is no JSON. */
function linesOf(bytes: Buffer): unknown[] {
  const lines: unknown[] = [];
  for (let start = 0, end = 0; start < bytes.length; start = end + 1) {
    end = bytes.indexOf("\n", start);
    lines.push(parsed(bytes.subarray(start, end)));
  }
  return lines;
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(bytes)) as unknown;
  } catch {
    return undefined;
  }
}
