/**
 * The folder of a bench: who may use it, and the record in it of what belongs together.
 *
 * The runs in it are ordinary ones, each with a folder and a record of its own.
 */
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { JournalLocked, UsageError } from "../errors.ts";
import { type BenchRecord, benchRecordName } from "../report/bench-record.ts";
import { journalPath } from "../runs/run-folder.ts";
import { RunLock } from "../runs/run-lock.ts";
import { cannotWrite, codeOf, unusable } from "../system/system-error.ts";
import { makeOwnFolder, takeOwnFolder, writeWhole } from "../system/whole-file.ts";
import { systemClock } from "./compose.ts";
import type { Plan } from "./plan.ts";
import { readBenchRecord } from "./read-study.ts";

/** What is known of each run of the plan. */
export type Combination = BenchRecord["combinations"][number];

/** What a bench that was stopped before its record was written may have left in its folder. */
const leftovers = ["lock", "evaluator.log", `${benchRecordName}.part`];

/**
 * Makes the bench's folder, or takes an empty one or an earlier bench's, and holds its lock.
 *
 * @throws UsageError when the folder holds other things; JournalLocked when another bench is at work there
 */
export async function claimBenchFolder(folder: string, isShared: boolean): Promise<RunLock> {
  await takeFolder(folder, isShared);
  return await RunLock.take(folder, systemClock).catch((error: unknown) => {
    throw error instanceof JournalLocked ? error : unusable(`cannot write ${RunLock.path(folder)}`, error);
  });
}

/** What an earlier bench has left in the folder; null: nothing. */
export async function earlierRecord(folder: string): Promise<BenchRecord | null> {
  return existsSync(join(folder, benchRecordName)) ? await readBenchRecord(folder) : null;
}

/** Runs that an earlier plan made in the same folder and that this one does not name. */
export function othersIn(earlier: BenchRecord | null, { out, runs }: Plan): Combination[] {
  const planned = new Set(runs.map(({ folder }) => folder));
  const combinations = earlier?.combinations ?? [];
  return combinations.filter(
    ({ folder }) => !planned.has(folder) && existsSync(journalPath(join(out, folder))),
  );
}

/** Writes the record, one version after the other; a reader meanwhile sees the one before. */
export class BenchRecordFile {
  readonly #path: string;
  #storing: Promise<void> = Promise.resolve();

  constructor(folder: string) {
    this.#path = join(folder, benchRecordName);
  }

  /** @param record called when its turn comes */
  async store(record: () => BenchRecord): Promise<void> {
    this.#storing = this.#storing
      .catch(() => {})
      .then(async () => {
        try {
          await writeWhole(this.#path, `${JSON.stringify(record(), null, 1)}\n`);
        } catch (error) {
          throw cannotWrite(this.#path, error);
        }
      });
    await this.#storing;
  }
}

// --- internal ---

async function takeFolder(folder: string, isShared: boolean): Promise<void> {
  const refused = (error: unknown) => unusable(`cannot use ${folder} for a bench`, error);
  try {
    await makeOwnFolder(folder, isShared);
    return;
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw refused(error);
  }
  const entries = await readdir(folder).catch((error: unknown) => {
    throw refused(error);
  });
  const foreign = entries.find((name) => !leftovers.includes(name));
  if (entries.length === 0) await takeOwnFolder(folder, isShared);
  if (entries.includes(benchRecordName) || foreign === undefined) return;
  throw new UsageError(`${folder} holds other things (${foreign}) and no bench; choose another --out`);
}
