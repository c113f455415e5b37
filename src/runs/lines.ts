/**
 * The lines of a file of JSON lines: where one ends, and the value it holds.
 *
 * Takes bytes from anywhere. Opens no file.
 */

/** Puts lines together from pieces of a file, in order. */
export class LineSplitter {
  #begun: Uint8Array[] = [];
  #begunBytes = 0;

  /** How many bytes there are after the last line break. */
  get unfinishedBytes(): number {
    return this.#begunBytes;
  }

  /** The bytes after the last line break. */
  unfinished(): Buffer {
    return Buffer.concat(this.#begun);
  }

  /** The lines that end in this piece, without their line breaks. They may share its memory. */
  *take(piece: Buffer): Generator<Buffer, void> {
    let start = 0;
    for (let end = piece.indexOf("\n"); end !== -1; end = piece.indexOf("\n", start)) {
      const part = piece.subarray(start, end);
      const line = this.#begunBytes === 0 ? part : Buffer.concat([...this.#begun, part]);
      [this.#begun, this.#begunBytes] = [[], 0];
      start = end + 1;
      yield line;
    }
    this.#begun.push(piece.subarray(start));
    this.#begunBytes += piece.length - start;
  }
}

/** The value of one line, or why it has none. */
export type JsonLine =
  | { readonly ok: true; readonly text: string; readonly value: unknown }
  | { readonly ok: false; readonly reason: string };

export function readJsonLine(bytes: Uint8Array): JsonLine {
  try {
    const text = utf8.decode(bytes);
    if (text.trim() === "") return { ok: false, reason: "blank" };
    return { ok: true, text, value: JSON.parse(text) };
  } catch (error) {
    return { ok: false, reason: error instanceof SyntaxError ? `not JSON (${error.message})` : "not UTF-8" };
  }
}

// --- internal ---

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
