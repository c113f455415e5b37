/**
 * What bears a file's name and is none: no reader of files that others may have put there waits for it, or reads it.
 *
 * The things are real: a named pipe that nobody writes, a socket, a device without end, a folder, and links to them.
 */
import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EvaluatorLog } from "../../src/evaluator/evaluator-log.ts";
import { openGguf } from "../../src/models/gguf-file.ts";
import { openRun } from "../../src/runs/journal.ts";
import { readRun, readTrustedPart } from "../../src/runs/run-record.ts";
import { followRun } from "../../src/runs/journal-tail.ts";
import { RankingFile } from "../../src/app/ranking-file.ts";
import { openRegular, readRegular, readRegularSync } from "../../src/system/regular-file.ts";
import { openRowIndex } from "../../src/runs/row-index.ts";
import { isHeld, RunLock } from "../../src/runs/run-lock.ts";
import { systemClock } from "../../src/app/compose.ts";
import { readBenchRecord } from "../../src/app/read-study.ts";
import { report } from "../../src/cli/report.ts";
import { readConfig } from "../../src/settings/config.ts";
import { CollmError } from "../../src/errors.ts";
import { readPlan } from "../../src/app/plan.ts";
import { failureOf } from "../support/failure.ts";
import { silentOutput } from "../support/streams.ts";

let scratch: string;
let server: Server;
/** The paths of what is no file, by what it is. */
const things: Record<string, string> = {};

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "regular-"));
  const put = (name: string) => {
    things[name] = join(scratch, name);
    return join(scratch, name);
  };
  execFileSync("mkfifo", [put("named pipe")]);
  mkdirSync(put("folder"));
  const socket = put("socket");
  server = createServer().listen(socket);
  symlinkSync("/dev/zero", put("device"));
  symlinkSync(join(scratch, "named pipe"), put("link to a named pipe"));
});

afterAll(async () => {
  server.close();
  rmSync(scratch, { recursive: true, force: true });
});

const names = ["named pipe", "folder", "socket", "device", "link to a named pipe"];
const silent = silentOutput();

describe.each(names)("a %s", (name) => {
  /** A folder in which the thing bears a name. */
  function folderWith(file: string): string {
    const folder = mkdtempSync(join(scratch, "with-"));
    symlinkSync(things[name] as string, join(folder, file));
    return folder;
  }

  it("is opened by none of the ways to open a file", async () => {
    const path = things[name] as string;
    for (const open of [
      () => openRegular(path),
      () => openRegular(path, "update"),
      () => readRegular(path),
      () => readRegularSync(path),
    ])
      expect(await failureOf(open)).toMatchObject({ code: expect.stringMatching(/^E/) });
  });

  const readers: readonly [string, string, (folder: string, path: string) => unknown][] = [
    ["a record that is read", "journal.jsonl", readRun],
    ["a record that is shown", "journal.jsonl", readTrustedPart],
    ["a record that is continued", "journal.jsonl", (folder) => openRun(folder, systemClock)],
    ["a lock", "lock", (folder) => RunLock.take(folder, systemClock)],
    [
      "a ranking",
      "ranking.jsonl",
      (_, path) => RankingFile.open(path, { config: {}, setup: {}, versions: {} }, false),
    ],
    ["a configuration", "search.yaml", (_, path) => readConfig(path, {})],
    ["a plan", "plan.yaml", (_, path) => readPlan(path, {})],
    ["the record of a bench", "bench.json", readBenchRecord],
    ["an earlier report", "page.html", (folder, path) => report([folder], { out: path }, silent)],
    [
      "a model",
      "model.gguf",
      (folder, path) =>
        openGguf({
          path,
          gpu: "off",
          threads: 1,
          contextTokens: null,
          clock: systemClock,
          moduleFolder: folder,
        }),
    ],
  ];

  it.each(readers)("is refused as %s, in one line that names it", async (_what, file, read) => {
    const folder = folderWith(file);
    const error = await failureOf(() => read(folder, join(folder, file)));
    if (file !== "lock") expect(error).toBeInstanceOf(CollmError);
    expect(error.message).toMatch(/^[^\n]+$/);
    if (file !== "lock") expect(error.message).toContain(join(folder, file));
    expect(readdirSync(folder)).toEqual([file]);
  });

  it("is a lock that somebody may hold, and a record that is not there", async () => {
    expect(await isHeld(folderWith("lock"))).toBe(true);
    const stop = new AbortController();
    for await (const notice of followRun(folderWith("journal.jsonl"), stop.signal)) {
      expect(notice).toMatchObject({ kind: "gone", reason: expect.stringContaining("cannot be read") });
      stop.abort();
    }
  });

  it("is no index of rows, and takes no log", async () => {
    const shown = join(scratch, "shown");
    const cache = mkdtempSync(join(scratch, "cache-"));
    await openRowIndex(cache, shown).store(new Map());
    const [index = ""] = readdirSync(cache);
    rmSync(join(cache, index));
    symlinkSync(things[name] as string, join(cache, index));
    expect(openRowIndex(cache, shown).find("a", "")).toBeUndefined();
    const log = new EvaluatorLog();
    log.write(Buffer.from("words"));
    log.begin(join(folderWith("evaluator.log"), "evaluator.log"));
    expect(log.file).toBeNull();
  });
});

describe("a module that opens files to read them", () => {
  /** Files of the program itself, which nobody else puts where they are. */
  const own = new Set([
    "app/python-setup.ts",
    "cli/commands.ts",
    "dashboard/page-files.ts",
    "system/regular-file.ts",
  ]);
  const source = fileURLToPath(new URL("../../src", import.meta.url));
  const files = readdirSync(source, { recursive: true, encoding: "utf8" }).filter((path) =>
    path.endsWith(".ts"),
  );

  it.each(files.filter((path) => !own.has(path)))(
    "%s opens them in the one way that refuses others",
    (path) => {
      const text = readFileSync(join(source, path), "utf8");
      const imports = text.matchAll(/import \{([^}]*)\} from "node:fs(?:\/promises)?";/g);
      const fromNode = Array.from(imports, (match) => match[1]).join(",");
      expect(fromNode).not.toMatch(/\b(readFile|readFileSync|createReadStream)\b/);
      if (/\bopen(Sync)?\b/.test(fromNode))
        expect(text).not.toMatch(/(?<![.\w])open(Sync)?\([^,()]*(,\s*"r\+?")?\)/);
    },
  );
});

describe("what an earlier file is written over by", () => {
  it("is put in the place of a named pipe beside it, which nobody reads", async () => {
    const folder = mkdtempSync(join(scratch, "part-"));
    execFileSync("mkfifo", [join(folder, "report.md.part")]);
    const run = fileURLToPath(new URL("../fixtures/run-v1", import.meta.url));
    await report([run], { markdown: join(folder, "report.md") }, silent);
    expect(readdirSync(folder).toSorted()).toEqual(["report-figures", "report.md"]);
    writeFileSync(join(folder, "other.md"), "mine");
    expect(
      (await failureOf(() => report([run], { markdown: join(folder, "other.md") }, silent))).message,
    ).toContain("no report of this program");
  });
});
