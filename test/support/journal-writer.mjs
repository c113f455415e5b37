/**
 * Writes a recorded run anew, as it would grow: `node test/support/journal-writer.mjs JOURNAL FOLDER RATE [FROM]`.
 *
 * Appends the lines of JOURNAL behind its first FROM to the journal of FOLDER, RATE of them a second on average, several at
 * once where that is quicker than the system's timer; prints the time of day when the last was on disk, in milliseconds.
 * Owns the pace alone: the lines are taken as they stand.
 */
import { fdatasyncSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

const [source = "", folder = "", rate = "", from = "0"] = process.argv.slice(2);
const lines = readFileSync(source, "utf8").split("\n").slice(0, -1).slice(Number(from));
mkdirSync(folder, { recursive: true });
const file = openSync(join(folder, "journal.jsonl"), "a");
const begin = performance.now();
for (let written = 0; written < lines.length; ) {
  const due = Math.min(lines.length, Math.ceil(((performance.now() - begin) / 1000) * Number(rate)));
  if (due > written) {
    writeSync(file, `${lines.slice(written, due).join("\n")}\n`);
    fdatasyncSync(file);
    written = due;
  }
  await wait(5);
}
console.log(Date.now());
