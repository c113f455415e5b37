/**
 * The live page's server as it is started by hand, asked over real HTTP: what it lists and streams, whom it answers, what it
 * never gives, and how it begins and ends.
 */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { request } from "node:http";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dashboardBeside } from "../../src/app/dashboard-beside.ts";
import { hrefOf } from "../../src/dashboard/page/router.ts";
import type { RunRow, RunsMessage, Standing } from "../../src/dashboard/protocol.ts";
import { standalone } from "../../src/report/exhibit.ts";
import { sectionsOf } from "../../src/report/sections.ts";
import { cohortsOf } from "../../src/report/study.ts";
import type { RunEvent } from "../../src/search/events.ts";
import { fold } from "../../src/search/fold.ts";
import type { RunState } from "../../src/search/state.ts";
import { browserNote, chromiumPath, openBrowser } from "../support/browser.ts";
import {
  collmNas,
  events,
  isRunning,
  type Process,
  type Settings,
  slowPython,
  start,
  temporaryFolder,
  until,
  untilSaid,
  untilRecorded,
} from "../support/cli.ts";
import {
  afterRounds,
  appendTo,
  linesOf,
  searchedRecord,
  stampedAfter,
  writeDamagedRun,
  writeRun,
} from "../support/live-runs.ts";

const cache = { XDG_CACHE_HOME: temporaryFolder() };
let record: readonly RunEvent[];

beforeAll(async () => {
  record = await searchedRecord({ search: { budget: 40 } });
});

interface Started {
  readonly process: Process;
  readonly address: string;
  readonly origin: string;
  readonly port: number;
  readonly token: string | null;
}

/** Starts the command on a port of its own, and waits until it says where it is. */
async function serve(
  folder: string,
  args: readonly string[] = [],
  settings: Settings = {},
): Promise<Started> {
  const port = args.includes("--port") ? [] : ["--port", "0"];
  const process = start(["dashboard", folder, "--json", ...port, ...args], {
    ...settings,
    env: { ...cache, ...settings.env },
  });
  void process.ended.then(({ stderr }) => {
    ended.set(process, stderr);
  });
  const line = await until(
    "the page is there",
    () => /^.*\n/.exec(process.stdout())?.[0] ?? (ended.has(process) ? "ended" : null),
  );
  expect(line, process.stderr()).not.toBe("ended");
  const { address, token } = JSON.parse(line) as { address: string; token: string | null };
  const { origin, port: bound } = new URL(address);
  return { process, address, origin, port: Number(bound), token };
}

const ended = new Map<Process, string>();

interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** Asks as a browser or anybody else would: path and headers go out as they are given. */
async function ask(
  { port }: Pick<Started, "port">,
  path: string,
  {
    method = "GET",
    headers = {},
    body = "",
  }: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answered> {
  return await new Promise((done, fail) => {
    const asked = request({ host: "127.0.0.1", port, path, method, headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => (text += part));
      response.on("end", () =>
        done({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
      );
    });
    asked.on("error", fail);
    asked.end(body);
  });
}

/** The path of the page's entry, as its document names it. */
async function entryOf(server: Pick<Started, "port">): Promise<string> {
  const { body } = await ask(server, "/");
  return /<script type="module" src="([^"]+)"/.exec(body)?.[1] ?? "";
}

interface Message {
  readonly event: string;
  readonly data: string;
  readonly id: string | null;
}

/** A stream of events as it comes in. */
class Stream {
  readonly messages: Message[] = [];
  isEnded = false;
  readonly #asked;
  #text = "";

  constructor({ port }: Pick<Started, "port">, path: string, headers: Record<string, string> = {}) {
    this.#asked = request({ host: "127.0.0.1", port, path, headers, agent: false }, (response) => {
      response.setEncoding("utf8");
      response.on("data", (part: string) => this.#take(part));
      response.on("end", () => (this.isEnded = true));
      response.on("error", () => (this.isEnded = true));
    });
    this.#asked.on("error", () => (this.isEnded = true));
    this.#asked.end();
    streams.push(this);
  }

  #take(part: string): void {
    this.#text += part;
    for (let end = this.#text.indexOf("\n\n"); end !== -1; end = this.#text.indexOf("\n\n")) {
      const fields = this.#text
        .slice(0, end)
        .split("\n")
        .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)] as const);
      this.#text = this.#text.slice(end + 2);
      const all = (name: string) => fields.flatMap(([key, value]) => (key === name ? [value] : []));
      if (all("event").length > 0)
        this.messages.push({
          event: all("event").join(""),
          data: all("data").join("\n"),
          id: all("id")[0] ?? null,
        });
    }
  }

  of(event: string): Message[] {
    return this.messages.filter((message) => message.event === event);
  }

  /** The lines of the journal that have come, and what was told of the run. */
  get lines(): string[] {
    return this.of("lines").flatMap(({ data }) => data.split("\n"));
  }

  get standings(): Standing[] {
    return this.of("standing").map(({ data }) => JSON.parse(data) as Standing);
  }

  get rows(): Map<string, RunRow> {
    const rows = new Map<string, RunRow>();
    for (const { data } of this.of("runs")) {
      const message = JSON.parse(data) as RunsMessage;
      for (const row of message.rows) rows.set(row.id, row);
      for (const id of message.gone) rows.delete(id);
    }
    return rows;
  }

  close(): void {
    this.#asked.destroy();
  }
}

const streams: Stream[] = [];
afterAll(() => {
  for (const stream of streams) stream.close();
});

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
    expect(stream.messages[0]?.event).toBe("standing");
    expect(stream.standings[0]).toEqual({
      condition: "stopped",
      isSteerable: false,
      trouble: null,
      isAnew: false,
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
    await until("the standing has all of it", () => stream.standings.at(-1)?.lastSeq === 13);
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
    await until("it begins anew", () => stream.standings.some(({ isAnew }) => isAnew));
    await until("three lines more", () => stream.lines.length === 11);
    expect(stream.lines.slice(8)).toEqual(linesOf(record.slice(0, 3)));
    rmSync(run, { recursive: true });
    await until("it is gone", () => stream.standings.at(-1)?.trouble?.includes("is gone"));
    writeRun(run, record.slice(0, 4));
    await until("it is back", () => stream.lines.length === 15);
    await until("nothing is wrong any more", () => stream.standings.at(-1)?.trouble === null);
    appendFileSync(join(run, "journal.jsonl"), "rot\n");
    await until("it is damaged", () => stream.standings.at(-1)?.trouble?.includes("line 5"));
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

describe("whom the server answers", () => {
  let server: Started;

  beforeAll(async () => {
    const folder = temporaryFolder();
    writeRun(join(folder, "a"), record);
    server = await serve(folder);
  });

  it.each([["127.0.0.1"], ["localhost"], ["[::1]"]])("whoever asks for %s", async (name) => {
    const { status } = await ask(server, "/", { headers: { Host: `${name}:${server.port}` } });
    expect(status).toBe(200);
  });

  it("nobody who takes it for another server", async () => {
    for (const host of ["evil.example", `evil.example:${server.port}`, "127.0.0.1.nip.io"]) {
      const { status } = await ask(server, "/api/token", { headers: { Host: host } });
      expect(status, host).toBe(421);
    }
  });

  it("no other site's page", async () => {
    for (const headers of [
      { Origin: "http://evil.example" },
      { Origin: "null" },
      { Origin: `https://127.0.0.1:${server.port}` },
      { "Sec-Fetch-Site": "cross-site" },
      { "Sec-Fetch-Site": "same-site" },
    ]) {
      for (const path of ["/", "/api/runs", await entryOf(server)])
        expect((await ask(server, path, { headers: headers })).status).toBe(403);
    }
    const own = { Origin: server.origin, "Sec-Fetch-Site": "same-origin" };
    expect((await ask(server, "/style.css", { headers: own })).status).toBe(200);
  });

  it("only what it is asked for in its own way", async () => {
    for (const [method, path] of [
      ["POST", "/"],
      ["HEAD", "/"],
      ["OPTIONS", "/api/runs"],
      ["PUT", "/api/token"],
      ["DELETE", "/api/runs/a/steer"],
      ["GET", "/api/token"],
      ["POST", "/api/runs/a/events"],
    ] as const)
      expect((await ask(server, path, { method })).status, `${method} ${path}`).toBe(405);
  });

  it("under headers that let nothing else in", async () => {
    for (const path of ["/", "/style.css", "/favicon.svg", await entryOf(server), "/nothing"]) {
      const { headers } = await ask(server, path);
      expect(headers, path).toMatchObject({
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
      });
      expect(headers["content-security-policy"]).toMatch(/^default-src 'none'; script-src 'self';/);
      expect(headers["content-security-policy"]).not.toContain("unsafe");
      expect(headers["access-control-allow-origin"]).toBeUndefined();
    }
  });

  it("with files that a browser keeps until they change", async () => {
    const path = "/style.css";
    const first = await ask(server, path);
    expect(first.headers).toMatchObject({
      "cache-control": "no-cache",
      "content-type": "text/css; charset=utf-8",
    });
    const tag = first.headers["etag"] as string;
    expect(await ask(server, path, { headers: { "If-None-Match": tag } })).toMatchObject({
      status: 304,
      body: "",
    });
    expect((await ask(server, path, { headers: { "If-None-Match": '"other"' } })).body).toBe(first.body);
  });

  it("with modules that a browser keeps for good, and their source maps", async () => {
    const path = await entryOf(server);
    expect(path).toMatch(/^\/page\/main-[A-Z0-9]{8}\.js$/);
    const { headers, body } = await ask(server, path);
    expect(headers).toMatchObject({
      "cache-control": "max-age=31536000, immutable",
      "content-type": "text/javascript; charset=utf-8",
    });
    const [, map] = /^\/\/# sourceMappingURL=(.+)$/m.exec(body) ?? [];
    const { sources } = JSON.parse((await ask(server, `/page/${map}`)).body) as { sources: string[] };
    expect(sources.join(" ")).toContain("src/dashboard/page/main.ts");
  });
});

describe("what is outside the folder", () => {
  let server: Started;

  beforeAll(async () => {
    const outside = temporaryFolder();
    writeRun(join(outside, "secret"), record);
    const folder = join(outside, "runs");
    mkdirSync(folder);
    writeRun(join(folder, "a"), record);
    symlinkSync(join(outside, "secret"), join(folder, "link"));
    server = await serve(folder);
  });

  it.each([
    "/api/runs/../events",
    "/api/runs/../secret/events",
    "/api/runs/..%2Fsecret/events",
    "/api/runs/..%2fsecret/events",
    "/api/runs/%2e%2e%2fsecret/events",
    "/api/runs/%2e%2e/secret/events",
    "/api/runs/%252e%252e%252fsecret/events",
    "/api/runs/..%5Csecret/events",
    "/api/runs/a%2F..%2F..%2Fsecret/events",
    "/api/runs/.%2Fa/events",
    "/api/runs/a%00/events",
    "/api/runs/%00/events",
    "/api/runs/%2Fetc/events",
    "/api/runs/%2Fproc%2Fself/events",
    "/api/runs/link/events",
    "/api/runs/%FF/events",
    "/api/runs/%/events",
    "/page/",
    "/page/files.json",
    "/page/..%2fserver.js",
    "/page/%2e%2e/server.js",
    "/page/../../cli.js",
    "/page/..%2f..%2f..%2fpackage.json",
    "/page//etc/passwd",
    "/page/%00.js",
    "/page/toString",
    "/page/__proto__",
    "/dashboard/server.js",
    "/node_modules/zod/package.json",
    "//etc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
  ])("is not there: %s", async (path) => {
    const { status, body } = await ask(server, path);
    expect(status).toBe(404);
    expect(body).not.toContain("run-started");
  });
});

describe("steering", () => {
  let folder: string;
  let server: Started;
  const steer = (to: Started, id: string, headers: Record<string, string>, body = '{"order":"pause"}') =>
    ask(to, `/api/runs/${id}/steer`, { method: "POST", headers, body });
  const bearer = (token: string | null) => ({ Authorization: `Bearer ${token}` });

  beforeAll(async () => {
    folder = temporaryFolder();
    writeRun(join(folder, "a"), record);
    server = await serve(folder);
  });

  it("takes the token that was printed, and no other", async () => {
    const token = (headers: Record<string, string>) =>
      ask(server, "/api/token", { method: "POST", headers }).then(({ status }) => status);
    expect(await token(bearer(server.token))).toBe(204);
    const other = server.token?.replace(/^./, (first) => (first === "A" ? "B" : "A")) ?? "";
    for (const headers of [
      {},
      bearer(other),
      bearer(""),
      bearer("x"),
      bearer(`${server.token}x`),
      { Authorization: "Basic x" },
    ])
      expect(await token(headers as Record<string, string>)).toBe(403);
    for (const headers of [{}, bearer("wrong")]) {
      const { status, body } = await steer(server, "a", headers);
      expect(status).toBe(403);
      expect(JSON.parse(body)).toMatchObject({ ok: false, words: expect.stringContaining("token") });
    }
  });

  it("says what is wrong with an order", async () => {
    const right = bearer(server.token);
    expect((await steer(server, "nobody", right)).status).toBe(404);
    for (const body of ["", "{", "null", '{"order":"dance"}', '{"order":"hint"}', '{"order":"pause","x":1}'])
      expect((await steer(server, "a", right, body)).status, body).toBe(400);
    const long = JSON.stringify({ order: "hint", text: "x".repeat(20_000) });
    expect((await steer(server, "a", right, long)).status).toBe(413);
    const { status, body } = await steer(server, "a", right);
    expect(status).toBe(503);
    expect(JSON.parse(body)).toMatchObject({ ok: false, words: expect.stringContaining("not running") });
  });

  it("is nobody's where the page is read only", async () => {
    const readOnly = await serve(folder, ["--read-only"]);
    expect(readOnly.token).toBeNull();
    expect(readOnly.address).not.toContain("token");
    for (const token of ["", "x", "null", "undefined"]) {
      const { status, body } = await steer(readOnly, "a", bearer(token));
      expect(status).toBe(403);
      expect(body).toContain("read only");
    }
  });

  it("reaches a run that goes on: it pauses, goes on, and stops", async () => {
    const run = join(folder, "live");
    const going = start(["run", "--space", "analognas-baseline", "--searcher", "random", "--out", run], {
      env: slowPython(0.2),
    });
    const stream = await until("it has begun", () => events(run).length > 0).then(
      () => new Stream(server, "/api/runs/live/events"),
    );
    await until("it takes orders", () => stream.standings.at(-1)?.isSteerable);
    expect(stream.standings.at(-1)?.condition).toBe("running");
    const give = async (body: string) => await steer(server, "live", bearer(server.token), body);
    expect((await give('{"order":"pause"}')).status).toBe(200);
    await until("it waits", () => stream.standings.at(-1)?.condition === "paused");
    expect(events(run).at(-1)?.type).toBe("run-paused");
    const refused = await give('{"order":"hint","text":"try more"}');
    expect([refused.status, JSON.parse(refused.body).ok]).toEqual([409, false]);
    expect((await give('{"order":"resume"}')).status).toBe(200);
    await until("it goes on", () => stream.lines.some((line) => line.includes('"run-continued"')));
    expect((await give('{"order":"stop"}')).status).toBe(200);
    expect((await going.ended).code).toBe(3);
    await until("it is shown as stopped", () => stream.standings.at(-1)?.condition === "stopped");
    expect(stream.standings.at(-1)?.isSteerable).toBe(false);
  });
});

describe("where the page is", () => {
  it("is the next free port where the wanted one is taken, and that is said", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    const server = await serve(temporaryFolder(), ["--port", `${port}`]);
    other.close();
    expect(server.port).toBeGreaterThan(port);
    expect(server.port).toBeLessThanOrEqual(port + 20);
    await untilSaid(server.process, `port ${port} is taken`);
  });

  it("is no address that other machines reach, unless that is meant", async () => {
    const folder = temporaryFolder();
    const refused = await collmNas(["dashboard", folder, "--host", "0.0.0.0", "--port", "0"]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/other machines.*--allow-remote/);
    const server = await serve(folder, ["--host", "0.0.0.0", "--allow-remote"]);
    await untilSaid(server.process, "other machines reach this page");
    expect((await ask(server, "/", { headers: { Host: `evil.example:${server.port}` } })).status).toBe(421);
    expect((await ask(server, "/")).status).toBe(200);
  });

  it("is nowhere for a file, and an address that is none", async () => {
    const file = join(temporaryFolder(), "file");
    writeFileSync(file, "");
    const refused = await collmNas(["dashboard", file]);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining("is a file")]);
    const none = await collmNas(["dashboard", "--port", "65536"]);
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining("ports end at 65535")]);
    const nowhere = await collmNas(["dashboard", "--host", "256.1.1.1", "--allow-remote"]);
    expect([nowhere.code, nowhere.stderr]).toEqual([
      2,
      expect.stringContaining("cannot listen on 256.1.1.1"),
    ]);
  });

  it("is there before the folder is, and says so", async () => {
    const folder = join(temporaryFolder(), "later");
    const server = await serve(folder);
    await untilSaid(server.process, `there is no folder ${folder} yet`);
    const list = new Stream(server, "/api/runs");
    await until("it is told that there is nothing", () => list.messages.length > 0);
    expect(list.rows.size).toBe(0);
    writeRun(join(folder, "a"), record);
    await until("the first run shows", () => list.rows.has("a"));
  });

  it("is printed with its token and what to do, for a person", async () => {
    const process = start(["dashboard", temporaryFolder(), "--port", "0"], { env: cache });
    await until("it says where", () => process.stdout().split("\n").length > 2);
    expect(process.stdout()).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/#token=[\w-]{20,}\n.*Ctrl-C.*\n$/);
    process.kill("SIGTERM");
    expect((await process.ended).code).toBe(0);
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

describe("a run with its page", () => {
  it("prints where, shows itself to the last line, and takes the page with it", async () => {
    const run = join(temporaryFolder(), "shown");
    const going = start(
      [
        "run",
        "--space",
        "analognas-baseline",
        "--searcher",
        "random",
        "--budget",
        "12",
        "--out",
        run,
        "--dashboard",
      ],
      { env: { ...cache, ...slowPython(0.15) } },
    );
    const said = await until("it says where", () => /page on (http:\/\/\S+)/.exec(going.stderr())?.[1]);
    const { port, hash } = new URL(said);
    expect(hash).toMatch(/^#\/run\/shown\?token=[\w-]{20,}$/);
    const stream = new Stream({ port: Number(port) }, "/api/runs/shown/events");
    expect((await going.ended).code).toBe(0);
    await until("the stream ends", () => stream.isEnded);
    expect(stream.lines.at(-1)).toContain(events(run).at(-1)?.type);
    expect(stream.lines).toHaveLength(events(run).length);
  });

  it("goes on without one that does not start, and says why", async () => {
    const run = writeRun(join(temporaryFolder(), "a"), record);
    // The page is of a folder.
    const { words, close } = await dashboardBeside(join(run, "journal.jsonl"), run);
    expect(words).toMatch(/^no page of this run: .*journal\.jsonl is a file/);
    await close();
  });

  it("leaves no page behind when it is killed", async () => {
    const run = join(temporaryFolder(), "killed");
    const going = start(["run", "--space", "analognas-baseline", "--out", run, "--dashboard"], {
      env: { ...cache, ...slowPython(0.3) },
    });
    const said = await until("it says where", () => /page on (http:\/\/\S+)/.exec(going.stderr())?.[1]);
    const port = Number(new URL(said).port);
    await untilRecorded(run, 2);
    going.kill("SIGKILL");
    await until("the run is gone", () => !isRunning(going.pid));
    const isThere = () =>
      new Promise<boolean>((done) => {
        const socket = connect(port, "127.0.0.1");
        socket.once("connect", () => done(true)).once("error", () => done(false));
        socket.once("connect", () => socket.destroy());
      });
    await expect.poll(isThere, { timeout: 20_000 }).toBe(false);
  });
});

describe(`the page's files in a browser${browserNote}`, () => {
  it.skipIf(chromiumPath === null)(
    "load under its policy, and draw the figures that a report has",
    async () => {
      const folder = temporaryFolder();
      const other = await searchedRecord({ searcher: "random", search: { budget: 40 } });
      writeRun(join(folder, "a"), record);
      writeRun(join(folder, "b"), other);
      const server = await serve(folder);
      const browser = await openBrowser();
      try {
        // Figures leave half a pixel out where a pixel is finer than one of the page.
        const page = await browser.newPage({ deviceScaleFactor: 2 });
        const [complaints, requests]: [string[], string[]] = [[], []];
        page.on("console", (message) => complaints.push(`${message.type()}: ${message.text()}`));
        page.on("pageerror", (error) => complaints.push(error.message));
        // What is only tried, such as making code of text, breaks the policy without a word.
        await page.addInitScript(
          `addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
            console.error("against the policy:", violatedDirective, blockedURI))`,
        );
        page.on("request", (each) => requests.push(each.url()));
        await page.goto(`${server.origin}/#/compare/a,b`);
        await page.getByRole("heading", { level: 2, name: "cells" }).waitFor();
        const here = drawnHere({ a: record, b: other });
        const there: string[][] = [];
        for (const button of await page.getByRole("button", { name: /^Save .* as SVG$/ }).all()) {
          const [download] = await Promise.all([page.waitForEvent("download"), button.click()]);
          there.push([download.suggestedFilename(), readFileSync(await download.path(), "utf8")]);
        }
        expect(here.length).toBeGreaterThan(3);
        const blank = await browser.newPage();
        const trees = await blank.evaluate<unknown[]>(`(${treesOf})(${JSON.stringify([here, there])})`);
        expect(trees[1]).toEqual(trees[0]);
        await page.goto(`${server.origin}/#/run/a`);
        await page.getByText(`${record.length} events`, { exact: true }).waitFor();
        expect(complaints).toEqual([]);
        expect(requests.filter((url) => !url.startsWith(server.origin))).toEqual([]);
      } finally {
        await browser.close();
      }
    },
  );
});

/** The figures of some runs as files of a report, by name. */
function drawnHere(records: Readonly<Record<string, readonly RunEvent[]>>): string[][] {
  const runs = Object.entries(records).map(([folder, events]) => ({
    folder,
    state: fold(events) as RunState,
  }));
  const study = {
    title: "two runs",
    cohorts: cohortsOf(runs),
    references: [],
    unreadable: [],
    benches: [],
    command: "report a b",
    madeAt: "2026-01-01T00:00:00.000Z",
    versions: {},
  };
  return sectionsOf(study, ({ folder }, { round, index }) =>
    hrefOf({ page: "run", id: folder, place: { round, candidate: index + 1 } }),
  )
    .flatMap(({ exhibits }) => exhibits)
    .flatMap((exhibit) => ("svg" in exhibit ? [[`${exhibit.id}.svg`, standalone(exhibit.svg)]] : []));
}

/** SVG texts as trees, for another document writes the same attributes in another order. Runs in a browser. */
const treesOf = `(texts) => {
  const walk = (node) =>
    node.nodeType === 3
      ? node.data
      : [
          node.nodeName,
          [...node.attributes].map(({ name, value }) => name + "=" + value).sort(),
          [...node.childNodes].map(walk),
        ];
  const tree = (svg) => walk(new DOMParser().parseFromString(svg, "image/svg+xml").documentElement);
  return texts.map((figures) => figures.map(([id, svg]) => [id, tree(svg)]));
}`;
