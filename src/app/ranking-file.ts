/**
 * The record of a ranking experiment on disk: opens one or makes it, and appends a line a trial.
 *
 * The shape of the lines is ranking/record.ts. How they are stored is runs/append-log.ts.
 */
import { rm } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { JournalDamaged, UsageError } from "../errors.ts";
import { AppendLog } from "../runs/append-log.ts";
import { LineSplitter, readJsonLine } from "../runs/lines.ts";
import {
  headerLine,
  isRankingHeader,
  type Ranked,
  readTrials,
  type SetUp,
  type Trial,
  trialLine,
} from "../ranking/record.ts";
import { codeOf, unusable } from "../system/system-error.ts";
import { makeFolder, ownFileMode } from "../system/whole-file.ts";
import { systemClock } from "./compose.ts";

export class RankingFile {
  /** The finished trials, from the first one without gaps. */
  readonly trials: Trial[];
  /** What had to be repaired, a sentence each. */
  readonly repairs: readonly string[];
  readonly #log: AppendLog;
  readonly #isNew: boolean;

  private constructor(log: AppendLog, isNew: boolean, trials: readonly Trial[], repairs: readonly string[]) {
    this.#log = log;
    this.#isNew = isNew;
    this.trials = [...trials];
    this.repairs = repairs;
  }

  /**
   * Opens a record, or makes it with its folder.
   *
   * @param isShared whether others may read a file that is made, as far as the user's mask lets them
   * @throws UsageError when the file cannot be used, holds something else, or an experiment with another set-up;
   *   JournalDamaged for a line that cannot be trusted
   */
  static async open(path: string, setUp: SetUp, isShared: boolean): Promise<RankingFile> {
    let log: AppendLog | null = null;
    try {
      const opened = await openOrMake(path, isShared);
      log = opened.log;
      const lines = linesOf(opened.bytes, path);
      const torn = await log.cutUnfinished();
      const repairs = torn === 0 ? [] : [`cut an unfinished last line of ${torn} bytes off ${path}`];
      const isNew = lines.length === 0;
      if (isNew) await log.append([JSON.stringify(headerLine(setUp, systemClock.now()))]);
      return new RankingFile(log, isNew, isNew ? [] : readTrials(lines, setUp.config, path), repairs);
    } catch (error) {
      await log?.close();
      throw codeOf(error) === "" ? error : unusable(`cannot use ${path}`, error);
    }
  }

  /** Resolves when the trials are on disk. */
  async append(ranked: readonly Ranked[]): Promise<void> {
    if (ranked.length === 0) return;
    const lines = ranked.map((each) => trialLine(each, systemClock.now()));
    await this.#log.append(lines.map((line) => JSON.stringify(line)));
    this.trials.push(...lines);
  }

  /** A file that was made here and holds no trial is removed. */
  async close(): Promise<void> {
    await this.#log.close();
    if (this.#isNew && this.trials.length === 0) await rm(this.#log.path, { force: true });
  }
}

// --- internal ---

const terms = { next: "give the same command again" };

async function openOrMake(path: string, isShared: boolean): Promise<{ log: AppendLog; bytes: Buffer }> {
  await makeFolder(dirname(resolve(path)));
  try {
    return await AppendLog.open(path, terms);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
  }
  return { log: await AppendLog.create(path, ownFileMode(isShared), terms), bytes: Buffer.alloc(0) };
}

/** One value a line. @throws UsageError when this is no ranking, JournalDamaged for a line that is no JSON */
function linesOf(bytes: Buffer, path: string): unknown[] {
  const lines = Array.from(new LineSplitter().take(bytes), readJsonLine);
  const [first] = lines;
  if (bytes.length > 0 && !(first?.ok === true && isRankingHeader(first.value)))
    throw new UsageError(`${path} holds something else, and nothing is overwritten; choose another --out`);
  return lines.map((line, index) => {
    if (line.ok) return line.value;
    throw new JournalDamaged(
      `${path}, line ${index + 1}: ${line.reason}; restore the file from a copy, or choose another --out`,
    );
  });
}
