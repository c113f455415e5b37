/** What the live page's server lists and streams of the runs in a folder, also to readers that do not read. */
import { appendFileSync, existsSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder, until } from "../support/cli.ts";
import {
  afterRounds,
  appendTo,
  linesOf,
  stampedAfter,
  writeDamagedRun,
  writeRun,
} from "../support/live-runs.ts";
import { record, type Started, serve, Stream } from "../support/dashboard-server.ts";

describe("the runs of a folder", () => {
  let folder: string;
  let server: Started;

  beforeAll(async () => {
    folder = temporaryFolder();
    writeRun(join(folder, "whole"), record);
    writeRun(join(folder, "bench/one two"), record);
    writeRun(join(folder, "begun"), afterRounds(record, 1));
    writeDamagedRun(join(folder, "damaged"), record, 5);
    server = await serve(folder);
  });

  it("are listed, and a damaged one names its line", async () => {
    const list = new Stream(server, "/api/runs");
    await until("four runs", () => list.rows.size === 4);
    expect(list.rows.get("whole")).toMatchObject({ condition: "finished", searcher: "collm" });
    expect(list.rows.get("bench/one two")).toMatchObject({ condition: "finished" });
    expect(list.rows.get("begun")).toMatchObject({ condition: "stopped", rounds: 1 });
    expect(list.rows.get("damaged")).toMatchObject({ condition: "damaged" });
    expect(list.rows.get("damaged")?.trouble).toContain("line 5");
    writeRun(join(folder, "new"), record);
    await until("the new one", () => list.rows.has("new"));
    rmSync(join(folder, "new"), { recursive: true });
    await until("it is gone again", () => !list.rows.has("new"));
  });

  it("are streamed line by line as they stand, and as they grow", async () => {
    const run = writeRun(join(folder, "growing"), record.slice(0, 8));
    const stream = new Stream(server, "/api/runs/growing/events");
    await until("eight lines", () => stream.lines.length === 8);
    expect(stream.messages[0]?.event).toBe("status");
    expect(stream.statuses[0]).toEqual({
      condition: "stopped",
      isSteerable: false,
      trouble: null,
      isRestart: false,
      lastSeq: 8,
    });
    appendTo(run, record.slice(8, 12));
    await until("twelve lines", () => stream.lines.length === 12);
    // A line that is not whole yet is none.
    const [next = ""] = linesOf(record.slice(12, 13));
    appendFileSync(join(run, "journal.jsonl"), next.slice(0, 20));
    await wait(400);
    expect(stream.lines).toHaveLength(12);
    appendFileSync(join(run, "journal.jsonl"), `${next.slice(20)}\n`);
    await until("thirteen lines", () => stream.lines.length === 13);
    expect(stream.lines).toEqual(linesOf(record.slice(0, 13)));
    await until("the status has all of it", () => stream.statuses.at(-1)?.lastSeq === 13);
    // Whoever comes back is told what it has not seen.
    expect(stream.of("lines").at(-1)?.id).toBe("13");
    const again = new Stream(server, "/api/runs/growing/events", { "Last-Event-ID": "11" });
    await until("two lines", () => again.lines.length === 2);
    expect(again.lines).toEqual(linesOf(record.slice(11, 13)));
    for (const nonsense of ["x", "-1", "1e3", "99999999999999999999"]) {
      const whole = new Stream(server, "/api/runs/growing/events", { "Last-Event-ID": nonsense });
      await until(`all lines behind ${nonsense}`, () => whole.lines.length === 13);
    }
  });

  it("are told of as they shrink, go and come back", async () => {
    const run = writeRun(join(folder, "changing"), record.slice(0, 8));
    const stream = new Stream(server, "/api/runs/changing/events");
    await until("eight lines", () => stream.lines.length === 8);
    truncateSync(join(run, "journal.jsonl"), `${linesOf(record.slice(0, 3)).join("\n")}\n`.length);
    await until("it restarts", () => stream.statuses.some(({ isRestart }) => isRestart));
    await until("three lines more", () => stream.lines.length === 11);
    expect(stream.lines.slice(8)).toEqual(linesOf(record.slice(0, 3)));
    rmSync(run, { recursive: true });
    await until("it is gone", () => stream.statuses.at(-1)?.trouble?.includes("is gone"));
    writeRun(run, record.slice(0, 4));
    await until("it is back", () => stream.lines.length === 15);
    await until("nothing is wrong any more", () => stream.statuses.at(-1)?.trouble === null);
    appendFileSync(join(run, "journal.jsonl"), "rot\n");
    await until("it is damaged", () => stream.statuses.at(-1)?.trouble?.includes("line 5"));
    expect(stream.isEnded).toBe(false);
  });

  it("with odd names are found by their id, one part of the path", async () => {
    const stream = new Stream(server, `/api/runs/${encodeURIComponent("bench/one two")}/events`);
    await until("all lines", () => stream.lines.length === record.length);
    const odd = `100 % "<b>" ä#?&+`;
    writeRun(join(folder, odd), record.slice(0, 2));
    const other = new Stream(server, `/api/runs/${encodeURIComponent(odd)}/events`);
    await until("two lines", () => other.lines.length === 2);
  });

  it("end their streams when the server ends, with exit code 0", async () => {
    const own = await serve(folder);
    const [list, stream] = [new Stream(own, "/api/runs"), new Stream(own, "/api/runs/whole/events")];
    await until("both have begun", () => list.messages.length > 0 && stream.lines.length > 0);
    own.process.interrupt();
    expect(await own.process.ended).toMatchObject({ code: 0, stderr: "" });
    expect([list.isEnded, stream.isEnded]).toEqual([true, true]);
  });
});

describe("readers that do not read", () => {
  it.skipIf(!existsSync("/proc/self/status"))(
    "neither stop others nor have the server hold everything for them (told by /proc)",
    async () => {
      const folder = temporaryFolder();
      const long = stampedAfter(
        record,
        Array.from({ length: 1_000 }, () => ({
          type: "chat-failed" as const,
          role: "navigator" as const,
          round: 1,
          attempt: 1,
          failures: ["x".repeat(64 * 1024)],
          billed: 0,
          seconds: 1,
        })),
      );
      writeRun(join(folder, "big"), [...record, ...long]);
      const server = await serve(folder);
      const list = new Stream(server, "/api/runs");
      await until("it is listed", () => list.rows.has("big"));
      const before = memoryOf(server.process.pid);
      const lazy = Array.from({ length: 6 }, () => connect(server.port, "127.0.0.1").pause());
      for (const socket of lazy)
        socket.write(`GET /api/runs/big/events HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n\r\n`);
      await wait(3_000);
      // The record has 64 MB, and the six of them would take six times that.
      expect(memoryOf(server.process.pid) - before).toBeLessThan(150);
      writeRun(join(folder, "other"), record);
      await until("others are served", () => list.rows.has("other"));
      server.process.interrupt();
      expect((await server.process.ended).code).toBe(0);
      for (const socket of lazy) socket.destroy();
    },
  );
});

/** What a process has in memory, in megabytes. */
function memoryOf(pid: number): number {
  const [, kilobytes] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kilobytes) / 1024;
}
