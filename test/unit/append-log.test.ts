/** A file of lines that only grows: an unfinished last line, another writer, a disk that takes no more. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import * as fsPromises from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Interrupted, JournalDamaged } from "../../src/errors.ts";
import { AppendLog } from "../../src/runs/append-log.ts";
import { failureOf } from "../support/failure.ts";

let scratch: string;
let path: string;
const terms = { next: "try again" };

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), "append-log-"));
  path = join(scratch, "log.jsonl");
});

afterEach(() => {
  vi.restoreAllMocks();
  rmSync(scratch, { recursive: true, force: true });
});

const stored = () => readFileSync(path, "utf8");

it("stores lines in the order of the calls, and names them once they are stored", async () => {
  const named: string[] = [];
  const log = await AppendLog.create(path, 0o600, { ...terms, onStored: (lines) => named.push(...lines) });
  expect(log.isEmpty).toBe(true);
  const calls = [log.append(["a", "b"]), log.append([]), log.append(["c"])];
  expect(named).toEqual([]);
  await Promise.all(calls);
  expect(named).toEqual(["a", "b", "c"]);
  expect([log.isEmpty, stored()]).toEqual([false, "a\nb\nc\n"]);
  await log.close();
});

it("is made once", async () => {
  writeFileSync(path, "mine");
  expect(await failureOf(AppendLog.create(path, 0o600, terms))).toMatchObject({ code: "EEXIST" });
  expect(stored()).toBe("mine");
});

it("cuts an unfinished last line when it is asked to, and not before", async () => {
  writeFileSync(path, 'whole\n{"half');
  const { log, bytes } = await AppendLog.open(path, terms);
  expect([bytes.toString(), stored()]).toEqual(['whole\n{"half', 'whole\n{"half']);
  expect(await log.cutUnfinished()).toBe(6);
  expect(await log.cutUnfinished()).toBe(0);
  await log.append(["next"]);
  await log.close();
  expect(stored()).toBe("whole\nnext\n");
});

it("leaves a file alone that something else has changed, for good", async () => {
  const log = await AppendLog.create(path, 0o600, terms);
  await log.append(["a"]);
  appendFileSync(path, "theirs\n");
  const error = await failureOf(log.append(["b"]));
  expect(error).toBeInstanceOf(JournalDamaged);
  expect(error.message).toBe(
    `${path} has 9 bytes instead of 2: something else changed it during the run; stop that, restore the file from a copy, then try again`,
  );
  writeFileSync(path, "a\n");
  expect(await failureOf(log.append(["b"]))).toBe(error);
  expect(stored()).toBe("a\n");
  await log.close();
});

it.each([
  ["the first lines", [], "start again"],
  ["later lines", ["a", "b"], "try again"],
])("takes back %s that could not be stored, and says what to do", async (_which, before, next) => {
  const log = await AppendLog.create(path, 0o600, terms);
  await log.append(before);
  const probe = await fsPromises.open("/dev/null", "r");
  const prototype = Object.getPrototypeOf(probe) as fsPromises.FileHandle;
  await probe.close();
  const full = Object.assign(new Error("ENOSPC: made up"), { code: "ENOSPC" });
  vi.spyOn(prototype, "datasync").mockRejectedValue(full);
  const error = await failureOf(log.append(["c"]));
  expect(error).toBeInstanceOf(Interrupted);
  expect(error.message).toBe(`cannot write ${path}: disk full; free space, then ${next}`);
  expect(stored()).toBe(before.map((line) => `${line}\n`).join(""));
  await log.close();
});
