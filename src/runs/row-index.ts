/**
 * The rows of a folder's runs as they were read last, in a file of the user's cache, so that they need not be read again.
 *
 * The file is written whole or not at all, and only its owner may read it. It is never needed: a file with anything odd in it is
 * ignored, and what it does not hold is read from the journals.
 */
import { createHash, randomUUID } from "node:crypto";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import * as z from "zod";
import { readRegularSync } from "../system/regular-file.ts";
import { runRowSchema } from "./run-row.ts";
import type { RunRow } from "./shown-runs.ts";

export interface IndexedRow {
  readonly row: RunRow;
  /** The number of the last event that the row is of. */
  readonly seq: number;
  /** Whether anything was recorded. */
  readonly isBegun: boolean;
}

export interface RowIndex {
  /** What is stored for a run whose file is in this state; undefined: nothing. */
  find(id: string, stamp: string): IndexedRow | undefined;
  /** Replaces what is stored, if it can. */
  store(rows: ReadonlyMap<string, IndexedRow & { readonly stamp: string }>): Promise<void>;
}

/** Raised whenever rows are made in another way. */
const indexVersion = 3;

/**
 * @param under the folder of the cache; null: there is none, and nothing is stored
 * @param shown the folder whose runs are shown
 */
export function openRowIndex(under: string | null, shown: string): RowIndex {
  if (under === null) return { find: () => undefined, store: async () => {} };
  const name = createHash("sha256").update(resolve(shown)).digest("hex").slice(0, 32);
  const path = join(under, `runs-${name}.json`);
  const schema = z.strictObject({
    version: z.literal(indexVersion),
    folder: z.literal(resolve(shown)),
    rows: z.array(
      z.strictObject({
        id: z.string(),
        stamp: z.string(),
        seq: z.int().min(0),
        isBegun: z.boolean(),
        row: runRowSchema,
      }),
    ),
  });
  let known: Map<string, z.infer<typeof schema>["rows"][number]> | null = null;
  const read = () => {
    try {
      const parsed = schema.safeParse(JSON.parse(readRegularSync(path).toString("utf8")));
      return new Map((parsed.success ? parsed.data.rows : []).map((row) => [row.id, row]));
    } catch {
      return new Map<string, never>();
    }
  };
  return {
    find: (id, stamp) => {
      known ??= read();
      const row = known.get(id);
      return row?.stamp === stamp ? row : undefined;
    },
    store: async (rows) => {
      const part = `${path}.${randomUUID()}.part`;
      try {
        await mkdir(dirname(path), { recursive: true, mode: 0o700 });
        const stored: z.infer<typeof schema> = {
          version: indexVersion,
          folder: resolve(shown),
          rows: [...rows].map(([id, { stamp, seq, isBegun, row }]) => ({ id, stamp, seq, isBegun, row })),
        };
        await writeFile(part, JSON.stringify(stored), { mode: 0o600 });
        await rename(part, path);
      } catch {
        await rm(part, { force: true }).catch(() => {});
      }
    },
  };
}
