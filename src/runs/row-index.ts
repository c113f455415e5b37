/**
 * The rows of a folder's runs as they were read last, in a file of the user's cache.
 *
 * Owns that file: written whole or not at all, for its owner alone, thrown away when anything about it is odd. It is never
 * needed: what it does not tell is read again. Knows nothing of what a row holds.
 */
import { createHash, randomUUID } from "node:crypto";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import * as z from "zod";
import { readRegularSync } from "../system/regular-file.ts";

export interface IndexedRow<Row> {
  readonly row: Row;
  /** The sequence number of the last line that the row is of. */
  readonly seq: number;
  /** Whether anything was recorded. */
  readonly isBegun: boolean;
}

export interface RowIndex<Row> {
  /** What was stored for a run in this state; undefined: nothing. */
  find(id: string, stamp: string): IndexedRow<Row> | undefined;
  /** Stores what there is now in place of what was there, if it can. */
  store(rows: ReadonlyMap<string, IndexedRow<Row> & { readonly stamp: string }>): Promise<void>;
}

/** Other whenever a row comes to be made in another way. */
const indexVersion = 2;

/**
 * @param under the folder of the cache
 * @param shown the folder whose runs are shown
 */
export function openRowIndex<Row>(under: string, shown: string, rowSchema: z.ZodType<Row>): RowIndex<Row> {
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
        row: rowSchema,
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
