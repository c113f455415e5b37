/**
 * Following a record against a real file that grows, is cut, replaced, damaged and taken away.
 */
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
  openSync,
  closeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createRun, openRun } from "../../src/runs/journal.ts";
import { journalPath } from "../../src/runs/run-folder.ts";
import { followRun } from "../../src/runs/journal-tail.ts";
import type { JournalNotice } from "../../src/runs/shown-runs.ts";
import { formatVersion, type EventBody } from "../../src/search/events.ts";
import { runStarted, strategySet, testClock } from "../support/run-events.ts";

let scratch: string;
let folder: string;
let path: string;

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), "journal-tail-"));
  folder = join(scratch, "run");
  path = journalPath(folder);
  mkdirSync(folder);
});

afterEach(() => rmSync(scratch, { recursive: true, force: true }));

/** The lines of a record: run-started and `strategies` more, each with its line break. */
function lines(strategies: number, minute = 0, textOf = (round: number) => `strategy ${round}`): string[] {
  const bodies: EventBody[] = [
    runStarted(),
    ...Array.from({ length: strategies }, (_, index) => strategySet(index + 1, textOf(index + 1))),
  ];
  return bodies.map((body, index) => {
    const at = new Date(Date.UTC(2024, 0, 1, 0, minute, index)).toISOString();
    return `${JSON.stringify({ v: formatVersion, seq: index + 1, at, ...body })}\n`;
  });
}

const withoutBreaks = (texts: readonly string[]) => texts.map((text) => text.trimEnd());

/** The notices, until the follower is stopped. */
class Follower {
  readonly #stop = new AbortController();
  readonly notices: JournalNotice[] = [];
  readonly ended: Promise<void>;

  constructor(from?: number) {
    this.ended = this.#follow(from);
    this.ended.catch(() => {});
  }

  async #follow(from: number | undefined): Promise<void> {
    for await (const notice of followRun(folder, this.#stop.signal, from)) this.notices.push(notice);
  }

  /** The kinds of the notices, several `lines` in a row as one. */
  get kinds(): string[] {
    return this.notices
      .map(({ kind }) => kind)
      .filter((kind, index, all) => kind !== "lines" || kind !== all[index - 1]);
  }

  /** The texts given since the last restart. */
  get texts(): string[] {
    const since = this.notices.findLastIndex(({ kind }) => kind === "restarted") + 1;
    return this.notices
      .slice(since)
      .flatMap((notice) => (notice.kind === "lines" ? notice.lines.map(({ text }) => text) : []));
  }

  async until(kind: JournalNotice["kind"], count = 1): Promise<void> {
    await this.#wait(
      `there is "${kind}"`,
      () => this.notices.filter((each) => each.kind === kind).length >= count,
    );
  }

  async untilGiven(texts: readonly string[]): Promise<void> {
    const wanted = withoutBreaks(texts);
    await this.#wait(`${wanted.length} lines are given`, () => this.texts.length >= wanted.length);
    expect(this.texts).toEqual(wanted);
  }

  async #wait(what: string, isSo: () => boolean): Promise<void> {
    const end = performance.now() + 20_000;
    while (!isSo()) {
      if (performance.now() > end)
        throw new Error(`waited in vain until ${what}; there was: ${this.kinds.join(", ")}`);
      await Promise.race([wait(5), this.ended]);
    }
  }

  /** Long enough for several looks at the file. */
  async looksAgain(): Promise<void> {
    await wait(350);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.ended;
  }
}

async function following(test: (follower: Follower) => Promise<void>, from?: number): Promise<void> {
  const follower = new Follower(from);
  try {
    await test(follower);
  } finally {
    await follower.stop();
  }
}

describe("a record that grows", () => {
  it("is given line by line, with what was there first", async () => {
    const texts = lines(5);
    writeFileSync(path, texts.slice(0, 3).join(""));
    await following(async (follower) => {
      await follower.until("caught-up");
      await follower.untilGiven(texts.slice(0, 3));
      appendFileSync(path, texts[3] as string);
      await follower.untilGiven(texts.slice(0, 4));
      appendFileSync(path, texts.slice(4).join(""));
      await follower.untilGiven(texts);
      expect(follower.kinds).toEqual(["lines", "caught-up", "lines"]);
    });
  });

  it("keeps an unfinished last line back until it is whole, also one cut within a letter", async () => {
    const texts = lines(2, 0, () => "Größe ändern 🙂");
    const bytes = Buffer.from(texts.join(""));
    const inLetter = bytes.lastIndexOf("ö") + 1;
    writeFileSync(path, bytes.subarray(0, inLetter));
    await following(async (follower) => {
      await follower.until("caught-up");
      await follower.looksAgain();
      expect(follower.texts).toEqual(withoutBreaks(texts.slice(0, 2)));
      appendFileSync(path, bytes.subarray(inLetter));
      await follower.untilGiven(texts);
    });
  });

  it("continues where an unfinished line is cut off and written again, as resume does", async () => {
    const journal = await createRun(join(scratch, "made"), testClock());
    await journal.append([runStarted(), strategySet(1)]);
    await journal.close();
    folder = join(scratch, "made");
    path = journalPath(folder);
    appendFileSync(path, '{"v":1,"seq":3,"at":"2024-');
    await following(async (follower) => {
      await follower.until("caught-up");
      const opened = await openRun(folder, testClock());
      await opened.journal.append([strategySet(2)]);
      await opened.journal.close();
      const texts = readFileSync(path, "utf8").split("\n").slice(0, -1);
      await follower.untilGiven(texts);
      expect(texts).toHaveLength(3);
      expect(follower.kinds).toEqual(["lines", "caught-up", "lines"]);
    });
  });

  it("gives only what comes after a number, and checks the rest", async () => {
    const texts = lines(4);
    writeFileSync(path, texts.slice(0, 4).join(""));
    await following(async (follower) => {
      await follower.until("caught-up");
      expect(follower.texts).toEqual(withoutBreaks(texts.slice(3, 4)));
      appendFileSync(path, texts[4] as string);
      await follower.untilGiven(texts.slice(3));
    }, 3);
    writeFileSync(path, ["nonsense\n", ...texts.slice(1)].join(""));
    await following(async (follower) => {
      await follower.until("damaged");
      expect(follower.texts).toEqual([]);
    }, 3);
  });

  it("takes lines that are longer than what is read at once", async () => {
    const texts = lines(4, 0, (round) => "long ".repeat(round === 2 ? 700_000 : 20_000));
    writeFileSync(path, texts.join(""));
    await following((follower) => follower.untilGiven(texts));
  });

  it("lets others work while it reads a long record", async () => {
    const texts = lines(3_000, 0, () => "s".repeat(2_000));
    writeFileSync(path, texts.join(""));
    await following(async (follower) => {
      let turns = 0;
      const timer = setInterval(() => turns++, 0);
      await follower.until("caught-up");
      clearInterval(timer);
      expect(follower.texts).toHaveLength(3_001);
      expect(turns).toBeGreaterThan(10);
      expect(
        Math.max(...follower.notices.map((notice) => (notice.kind === "lines" ? notice.lines.length : 0))),
      ).toBeLessThan(200);
    });
  });

  it("gives exactly its events, in whatever pieces they are written", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: "grapheme", maxLength: 40 }), { minLength: 1, maxLength: 12 }),
        fc.array(fc.nat(), { maxLength: 8 }),
        fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }),
        async (strategies, cuts, pauses) => {
          const texts = lines(strategies.length, 0, (round) => strategies[round - 1] as string);
          const bytes = Buffer.from(texts.join(""));
          const places = [0, ...cuts.map((cut) => cut % bytes.length), bytes.length].toSorted(
            (a, b) => a - b,
          );
          rmSync(path, { force: true });
          await following(async (follower) => {
            const file = openSync(path, "w");
            for (const [index, place] of places.entries()) {
              writeSync(file, bytes.subarray(place, places[index + 1] ?? bytes.length));
              if (pauses[index] === true) await wait(60);
            }
            closeSync(file);
            await follower.untilGiven(texts);
            await wait(150);
            expect(follower.texts).toEqual(withoutBreaks(texts));
            expect(follower.kinds).not.toContain("restarted");
            expect(follower.kinds).not.toContain("damaged");
          });
        },
      ),
      { numRuns: 20 },
    );
  });
});

describe("a record that is not what it was", () => {
  it("restarts when another file takes its place", async () => {
    writeFileSync(path, lines(3).join(""));
    await following(async (follower) => {
      await follower.until("caught-up");
      const other = lines(5, 1);
      writeFileSync(`${path}.new`, other.join(""));
      renameSync(`${path}.new`, path);
      await follower.until("restarted");
      await follower.untilGiven(other);
      await follower.until("caught-up", 2);
      expect(follower.kinds).toEqual(["lines", "caught-up", "restarted", "lines", "caught-up"]);
    });
  });

  it("restarts when it becomes shorter", async () => {
    const texts = lines(3);
    writeFileSync(path, texts.join(""));
    await following(async (follower) => {
      await follower.until("caught-up");
      truncateSync(path, Buffer.byteLength(texts.slice(0, 2).join("")));
      await follower.until("restarted");
      await follower.untilGiven(texts.slice(0, 2));
    });
  });

  it("restarts when it is written over in place, also by as many bytes or more", async () => {
    writeFileSync(path, lines(3).join(""));
    await following(async (follower) => {
      await follower.until("caught-up");
      writeFileSync(path, lines(3, 1).join(""));
      await follower.until("restarted");
      await follower.untilGiven(lines(3, 1));
      writeFileSync(path, lines(6, 2).join(""));
      await follower.until("restarted", 2);
      await follower.untilGiven(lines(6, 2));
    });
  });

  it("restarts when one byte of it is changed in place, anywhere", async () => {
    const texts = lines(40);
    writeFileSync(path, texts.join(""));
    await following(async (follower) => {
      await follower.until("caught-up");
      const changed = texts.map((text, index) =>
        index === 20 ? text.replace("strategy 20", "strategy 2x") : text,
      );
      const file = openSync(path, "r+");
      writeSync(
        file,
        "x",
        Buffer.byteLength(texts.slice(0, 20).join("")) + (texts[20]?.indexOf("strategy 20") ?? 0) + 10,
      );
      closeSync(file);
      await follower.until("restarted");
      await follower.untilGiven(changed);
    });
  });

  it("is given no second time when only its times change", async () => {
    writeFileSync(path, lines(3).join(""));
    await following(async (follower) => {
      await follower.until("caught-up");
      utimesSync(path, new Date(), new Date());
      await follower.looksAgain();
      expect(follower.kinds).toEqual(["lines", "caught-up"]);
    });
  });

  it("restarts at once when it has fewer lines than the reader has", async () => {
    writeFileSync(path, lines(2).join(""));
    await following(async (follower) => {
      await follower.untilGiven(lines(2));
      expect(follower.kinds[0]).toBe("restarted");
    }, 7);
  });

  it("is said to be gone, also with its folder, and restarts when it is back", async () => {
    writeFileSync(path, lines(2).join(""));
    await following(async (follower) => {
      await follower.until("caught-up");
      rmSync(path);
      await follower.until("gone");
      rmSync(folder, { recursive: true });
      await follower.looksAgain();
      mkdirSync(folder);
      writeFileSync(path, lines(2).join(""));
      await follower.until("restarted");
      await follower.untilGiven(lines(2));
      expect(follower.kinds).toEqual(["lines", "caught-up", "gone", "restarted", "lines", "caught-up"]);
      expect(follower.notices.find(({ kind }) => kind === "gone")).toEqual({
        kind: "gone",
        reason: `${path} is not there`,
      });
    });
  });

  it("is waited for where there is none yet, without a restart", async () => {
    rmSync(folder, { recursive: true });
    await following(async (follower) => {
      await follower.until("gone");
      mkdirSync(folder);
      writeFileSync(path, "");
      await follower.until("caught-up");
      appendFileSync(path, lines(1).join(""));
      await follower.untilGiven(lines(1));
      expect(follower.kinds).toEqual(["gone", "caught-up", "lines"]);
    });
  });

  it("is said to be gone, with the reason, where a folder has its name", async () => {
    mkdirSync(path);
    await following(async (follower) => {
      await follower.until("gone");
      await follower.looksAgain();
      expect(follower.notices).toEqual([
        { kind: "gone", reason: `${path} cannot be read (it is a folder, and no file)` },
      ]);
    });
  });
});

describe("a line that cannot be trusted", () => {
  const damages: readonly [string, (texts: string[]) => (string | Buffer)[], RegExp][] = [
    ["no JSON", (texts) => [...texts.slice(0, 2), "{\n", ...texts.slice(3)], /^not JSON/],
    ["a blank line", (texts) => [...texts.slice(0, 2), "\n", ...texts.slice(2)], /^blank$/],
    [
      "no UTF-8",
      (texts) => [...texts.slice(0, 2), Buffer.from([0xff, 0x0a]), ...texts.slice(3)],
      /^not UTF-8$/,
    ],
    [
      "a line twice",
      (texts) => [...texts.slice(0, 2), ...texts.slice(1)],
      /^it holds event 2 instead of event 3$/,
    ],
    [
      "a line left out",
      (texts) => [...texts.slice(0, 2), ...texts.slice(3)],
      /^it holds event 4 instead of event 3$/,
    ],
    [
      "an unknown type",
      (texts) => [...texts.slice(0, 2), texts[2]?.replace("strategy-set", "party") ?? ""],
      /^type/,
    ],
  ];
  it.each(damages)("is said with its number and the reason: %s", async (_name, damage, reason) => {
    writeFileSync(path, Buffer.concat(damage(lines(4)).map((part) => Buffer.from(part))));
    await following(async (follower) => {
      await follower.until("damaged");
      appendFileSync(path, lines(5).at(-1) as string);
      await follower.looksAgain();
      await follower.looksAgain();
      expect(follower.kinds).toEqual(["lines", "damaged"]);
      expect(follower.texts).toEqual(withoutBreaks(lines(1)));
      expect(follower.notices.at(-1)).toEqual({
        kind: "damaged",
        line: 3,
        reason: expect.stringMatching(reason),
      });
    });
  });

  it("restarts once it is repaired, in place or by another file", async () => {
    const whole = lines(4);
    const broken = [
      ...whole.slice(0, 2),
      (whole[2] as string).replace("strategy-set", "strategy_set"),
      ...whole.slice(3),
    ];
    writeFileSync(path, broken.join(""));
    await following(async (follower) => {
      await follower.until("damaged");
      writeFileSync(path, whole.join(""));
      await follower.until("caught-up");
      await follower.untilGiven(whole);
      writeFileSync(path, broken.join(""));
      writeFileSync(`${path}.new`, broken.join(""));
      renameSync(`${path}.new`, path);
      await follower.until("damaged", 2);
      writeFileSync(`${path}.new`, whole.join(""));
      renameSync(`${path}.new`, path);
      await follower.until("caught-up", 2);
      await follower.untilGiven(whole);
    });
  });
});

it("ends without an error when the signal is raised, before and while it waits", async () => {
  writeFileSync(path, lines(2).join(""));
  const follower = new Follower();
  await follower.until("caught-up");
  await follower.stop();
  const raised = AbortSignal.abort();
  const notices: JournalNotice[] = [];
  for await (const notice of followRun(folder, raised)) notices.push(notice);
  expect(notices).toEqual([]);
});
