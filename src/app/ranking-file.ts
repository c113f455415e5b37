/**
 * The record of a ranking experiment on disk.
 *
 * Owns which line comes next. The shape of the lines is ranking/record.ts, and how they are stored for good is
 * runs/json-lines.ts.
 */
import { JsonLines } from "../runs/json-lines.ts";
import {
  headerLine,
  isRankingHeader,
  type Ranked,
  readTrials,
  type SetUp,
  type Trial,
  trialLine,
} from "../ranking/record.ts";
import { systemClock } from "./compose.ts";

export class RankingFile {
  /** The finished trials, from the first one without gaps. */
  readonly trials: Trial[];
  /** What had to be mended, a sentence each. */
  readonly repairs: readonly string[];
  readonly #file: JsonLines;
  readonly #isNew: boolean;

  private constructor(file: JsonLines, trials: readonly Trial[]) {
    this.#file = file;
    this.#isNew = file.lines.length === 0;
    this.trials = [...trials];
    this.repairs =
      file.tornBytes === 0 ? [] : [`cut an unfinished last line of ${file.tornBytes} bytes off ${file.path}`];
  }

  /** @throws UsageError when the file holds something else, or an experiment that was set up otherwise */
  static async open(path: string, setUp: SetUp, isShared: boolean): Promise<RankingFile> {
    const file = await JsonLines.open(path, isRankingHeader, isShared);
    try {
      if (file.lines.length > 0) return new RankingFile(file, readTrials(file.lines, setUp.config, path));
      await file.append([headerLine(setUp, systemClock.now())]);
      return new RankingFile(file, []);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Resolves once the trials are stored for good. */
  async append(ranked: readonly Ranked[]): Promise<void> {
    if (ranked.length === 0) return;
    const lines = ranked.map((each) => trialLine(each, systemClock.now()));
    await this.#file.append(lines);
    this.trials.push(...lines);
  }

  /** A file that was made here and holds no trial goes away again. */
  async close(): Promise<void> {
    if (this.#isNew && this.trials.length === 0) await this.#file.discard();
    else await this.#file.close();
  }
}
