/** The live page's server: orders for a run, where it listens, and how it begins and ends with a run. */
import { writeFileSync } from "node:fs";
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { dashboardBeside } from "../../src/app/dashboard-beside.ts";
import {
  collmNas,
  events,
  isRunning,
  slowPython,
  start,
  temporaryFolder,
  until,
  untilSaid,
  untilRecorded,
} from "../support/cli.ts";
import { writeRun } from "../support/live-runs.ts";
import { cache, record, type Started, serve, ask, Stream } from "../support/dashboard-server.ts";

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
    await until("it takes orders", () => stream.statuses.at(-1)?.isSteerable);
    expect(stream.statuses.at(-1)?.condition).toBe("running");
    const give = async (body: string) => await steer(server, "live", bearer(server.token), body);
    expect((await give('{"order":"pause"}')).status).toBe(200);
    await until("it waits", () => stream.statuses.at(-1)?.condition === "paused");
    expect(events(run).at(-1)?.type).toBe("run-paused");
    const refused = await give('{"order":"hint","text":"try more"}');
    expect([refused.status, JSON.parse(refused.body).ok]).toEqual([409, false]);
    expect((await give('{"order":"resume"}')).status).toBe(200);
    await until("it goes on", () => stream.lines.some((line) => line.includes('"run-continued"')));
    expect((await give('{"order":"stop"}')).status).toBe(200);
    expect((await going.ended).code).toBe(3);
    await until("it is shown as stopped", () => stream.statuses.at(-1)?.condition === "stopped");
    expect(stream.statuses.at(-1)?.isSteerable).toBe(false);
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
