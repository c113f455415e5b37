/** The socket by which a person steers a run: real files, real sockets, and a run that is played by the test. */
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { isSteerable, sendOrder } from "../../src/runs/steering-client.ts";
import { openSteering, type SteeringSocket } from "../../src/runs/steering-socket.ts";
import { Interrupted, UsageError } from "../../src/errors.ts";

const folders: string[] = [];
const sockets: SteeringSocket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) await socket.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function runFolder(below = "run"): string {
  const base = mkdtempSync(join(tmpdir(), "steer-"));
  folders.push(base);
  const folder = join(base, below);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "journal.jsonl"), "");
  return folder;
}

async function open(folder: string, refusesHints: string | null = null): Promise<SteeringSocket> {
  const socket = await openSteering(folder, refusesHints);
  sockets.push(socket);
  expect(socket.trouble).toBeNull();
  return socket;
}

const control = (folder: string) => join(folder, "control.sock");

/** Any request, as by curl. */
async function raw(folder: string, method: string, path: string, body: string | Buffer = "") {
  const sent = request({ socketPath: control(folder), method, path, agent: false });
  sent.end(body);
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  let text = "";
  for await (const part of response.setEncoding("utf8")) text += part;
  return { status: response.statusCode, answer: JSON.parse(text) as Record<string, unknown> };
}

describe("the socket", () => {
  it("is for this user alone, whatever the process lets its files be", async () => {
    const folder = runFolder();
    const before = process.umask(0);
    const modes = new Set<number>();
    let isOpen = false;
    const look = () => {
      if (existsSync(control(folder))) modes.add(statSync(control(folder)).mode & 0o777);
      if (!isOpen) setImmediate(look);
    };
    look();
    try {
      await open(folder);
      expect(process.umask(0)).toBe(0);
    } finally {
      isOpen = true;
      process.umask(before);
    }
    look();
    // Not even in its first moment was it open to others.
    expect([...modes]).toEqual([0o600]);
    expect(statSync(control(folder)).isSocket()).toBe(true);
  });

  it("takes the place of one that a killed process left, and goes away with its run", async () => {
    const folder = runFolder();
    writeFileSync(control(folder), "left behind");
    const socket = await open(folder);
    expect(await isSteerable(folder)).toBe(true);
    await socket.close();
    await socket.close();
    expect(existsSync(control(folder))).toBe(false);
    expect(await isSteerable(folder)).toBe(false);
  });

  it.runIf(process.platform === "linux")("is reached also where its path is too long for one", async () => {
    const folder = runFolder(join("a".repeat(120), "b".repeat(120), "run"));
    const socket = await open(folder);
    expect(statSync(control(folder)).mode & 0o777).toBe(0o600);
    expect(await isSteerable(folder)).toBe(true);
    expect(await sendOrder(folder, { order: "pause" })).toMatchObject({ ok: true });
    expect(socket.steering.isPaused()).toBe(true);
    await socket.close();
    expect(existsSync(control(folder))).toBe(false);
  });

  it("does without where it cannot be made, and says why", async () => {
    const folder = runFolder();
    mkdirSync(control(folder));
    const socket = await openSteering(folder, null);
    expect(socket.trouble).toMatch(/control\.sock cannot be made \(/);
    expect(socket.steering.isPaused()).toBe(false);
    await socket.steering.continued(new AbortController().signal);
    await socket.close();
  });

  it("closes in spite of connections that say nothing", async () => {
    const folder = runFolder();
    const socket = await open(folder);
    const idle = connect(control(folder));
    await once(idle, "connect");
    const slow = connect(control(folder));
    slow.write("POST /hint HTTP/1.1\r\nhost: run\r\ncontent-length: 100\r\n\r\n{");
    slow.on("error", () => {});
    await once(slow, "connect");
    const gone = Promise.all([once(idle, "close"), once(slow, "close")]);
    idle.resume();
    slow.resume();
    await socket.close();
    await gone;
  });
});

describe("an order", () => {
  it("to pause and to go on is followed by the search, and said in words when it is followed already", async () => {
    const folder = runFolder();
    const { steering } = await open(folder);
    const send = async (order: "pause" | "resume") => {
      const { ok, words } = await sendOrder(folder, { order });
      expect(ok).toBe(true);
      return words;
    };
    expect(await send("resume")).toBe("the run was not paused");
    expect(await send("pause")).toBe("the run pauses after the current round");
    expect(await send("pause")).toBe("the run already pauses after the current round");
    expect(steering.isPaused()).toBe(true);
    const waiting = steering.continued(new AbortController().signal);
    expect(await send("pause")).toBe("the run is paused already");
    expect((await raw(folder, "GET", "/")).answer).toEqual({ paused: true, takesHints: true });
    expect(await send("resume")).toBe("the run continues");
    await waiting;
    expect(steering.isPaused()).toBe(false);
  });

  it("to stop reaches the search, also in a pause, and is answered first", async () => {
    const folder = runFolder();
    const { steering, stop } = await open(folder);
    await sendOrder(folder, { order: "pause" });
    const ended = steering.continued(stop).catch((error: unknown) => error);
    const answer = await sendOrder(folder, { order: "stop" });
    expect(answer).toMatchObject({ ok: true, words: expect.stringContaining("resume") });
    expect(await ended).toBeInstanceOf(Interrupted);
    expect(stop.aborted).toBe(true);
  });

  it("of several at once is answered each", async () => {
    const folder = runFolder();
    const { steering } = await open(folder);
    const taken: string[] = [];
    steering.hintsTo(async (text) => taken.push(text));
    const orders = Array.from({ length: 20 }, (_, index) =>
      sendOrder(folder, { order: "hint", text: `number ${index}` }),
    );
    const words = (await Promise.all(orders)).map((answer) => answer.words);
    expect(new Set(words).size).toBe(20);
    expect(new Set(taken).size).toBe(20);
  });
});

describe("a hint", () => {
  it("is handed on as it was written, and answered with its round once it is stored", async () => {
    const folder = runFolder();
    const { steering } = await open(folder);
    const taken: string[] = [];
    steering.hintsTo(async (text) => {
      taken.push(text);
      return 4;
    });
    expect(await sendOrder(folder, { order: "hint", text: "  Look at\r\nthe “skip” slots 🙂 \n" })).toEqual({
      ok: true,
      words: "the Navigator gets the hint with the request for the strategy of round 4",
    });
    expect(taken).toEqual(["Look at\nthe “skip” slots 🙂"]);
  });

  it("waits for a search that has not begun yet, and is refused where none begins", async () => {
    const folder = runFolder();
    const socket = await open(folder);
    const first = sendOrder(folder, { order: "hint", text: "early" });
    await expect.poll(() => sendOrder(folder, { order: "resume" })).toMatchObject({ ok: true });
    socket.steering.hintsTo(async () => 1);
    expect(await first).toMatchObject({ ok: true, words: expect.stringContaining("round 1") });

    const other = runFolder();
    const never = await open(other);
    const lost = sendOrder(other, { order: "hint", text: "early" });
    await sendOrder(other, { order: "resume" });
    await wait(50);
    await never.close();
    expect(await lost).toEqual({
      ok: false,
      words: "the search is over: no strategy will be asked for any more",
    });
  });

  it("is refused with the reason where nobody would get it", async () => {
    const folder = runFolder();
    const { steering } = await open(folder, "searcher rules asks no Navigator");
    steering.hintsTo(async () => 1);
    expect(await raw(folder, "POST", "/hint", '{"text": "look"}')).toEqual({
      status: 409,
      answer: { ok: false, words: "searcher rules asks no Navigator" },
    });
    expect((await raw(folder, "GET", "/")).answer).toEqual({
      paused: false,
      takesHints: false,
      refusesHints: "searcher rules asks no Navigator",
    });
    const over = runFolder();
    const { steering: ended } = await open(over);
    ended.hintsTo(() => Promise.reject(new UsageError("the search is over")));
    expect(await raw(over, "POST", "/hint", '{"text": "look"}')).toEqual({
      status: 409,
      answer: { ok: false, words: "the search is over" },
    });
  });

  it.each([
    ["empty", '{"text": " \\n "}', "a hint needs some words"],
    ["too long", JSON.stringify({ text: "x".repeat(2_001) }), "a hint may have at most 2,000 characters"],
    ["with an escape code", '{"text": "\\u001b[2J"}', /control characters/],
    ["with half a character", '{"text": "\\ud83d"}', /control characters/],
    ["that is no JSON", "text=look", 'a hint is JSON of the form {"text": "…"}'],
    ["that is no text", '{"text": 7}', 'a hint is JSON of the form {"text": "…"}'],
    ["with more in it", '{"text": "look", "round": 3}', 'a hint is JSON of the form {"text": "…"}'],
    ["that is huge", JSON.stringify({ text: "x".repeat(100_000) }), "an order may have at most 16384 bytes"],
    ["that is no UTF-8", Buffer.from([0x7b, 0xff, 0x7d]), 'a hint is JSON of the form {"text": "…"}'],
  ])("%s is not taken", async (_what, body, words) => {
    const folder = runFolder();
    const { steering } = await open(folder);
    let isTaken = false;
    steering.hintsTo(async () => {
      isTaken = true;
      return 1;
    });
    const { status, answer } = await raw(folder, "POST", "/hint", body);
    expect([status, answer["ok"]]).toEqual([400, false]);
    expect(answer["words"]).toEqual(typeof words === "string" ? words : expect.stringMatching(words));
    expect(isTaken).toBe(false);
    expect(await isSteerable(folder)).toBe(true);
  });
});

describe("where nobody takes orders", () => {
  it("it is said why", async () => {
    const folder = runFolder();
    const gone = `no process takes orders for ${folder}: it is not running`;
    expect(await sendOrder(folder, { order: "pause" })).toEqual({ ok: false, words: gone });
    const server = createServer().listen(control(folder));
    await once(server, "listening");
    server.close();
    writeFileSync(control(folder), "no socket");
    expect(await sendOrder(folder, { order: "pause" })).toEqual({ ok: false, words: gone });
    const { words } = await sendOrder(join(folder, "nowhere"), { order: "pause" });
    expect(words).toBe(`there is no run in ${join(folder, "nowhere")}; name the folder that --out named`);
  });

  it.skipIf(process.getuid?.() === 0)(
    "a run of another user has words of its own (skipped for root, who may open everything)",
    async () => {
      const folder = runFolder();
      await open(folder);
      chmodSync(control(folder), 0);
      const { ok, words } = await sendOrder(folder, { order: "pause" });
      expect([ok, words]).toEqual([false, expect.stringContaining("somebody else")]);
    },
  );

  it("another program on the socket is no run", async () => {
    const folder = runFolder();
    const server = createServer((connection) => connection.end("HTTP/1.1 200 OK\r\n\r\nhello"));
    server.listen(control(folder));
    await once(server, "listening");
    expect(await isSteerable(folder)).toBe(false);
    expect(await sendOrder(folder, { order: "pause" })).toMatchObject({
      ok: false,
      words: expect.stringContaining("gave no answer"),
    });
    server.close();
  });
});
