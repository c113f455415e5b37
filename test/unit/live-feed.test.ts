/** The feed over real sockets: what reaches a subscriber, what never slows a run, and which addresses are refused. */
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Publisher, Subscriber } from "zeromq";
import {
  type FedLine,
  followFeed,
  type LiveFeed,
  longestLineBytes,
  openFeed,
} from "../../src/runs/live-feed.ts";
import { UsageError } from "../../src/errors.ts";

let scratch: string;
const closing: (() => unknown)[] = [];

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), "live-feed-"));
});

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  rmSync(scratch, { recursive: true, force: true });
});

async function opened(address = "tcp://127.0.0.1:*", allowRemote = false): Promise<LiveFeed> {
  const feed = await openFeed(address, { allowRemote });
  closing.push(() => feed.close());
  return feed;
}

/** A subscriber, and what it has heard. */
async function following(
  address: string,
  topic?: string,
): Promise<{ heard: FedLine[]; isThere: boolean[]; stop: () => Promise<void> }> {
  const stop = new AbortController();
  const heard: FedLine[] = [];
  const isThere: boolean[] = [];
  const ended = (async () => {
    for await (const line of followFeed(address, stop.signal, topic, (isNow) => isThere.push(isNow)))
      heard.push(line);
  })();
  closing.push(() => stop.abort());
  await until("the feed is there", () => isThere.length > 0);
  return {
    heard,
    isThere,
    stop: async () => {
      stop.abort();
      await ended;
    },
  };
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  const end = performance.now() + 20_000;
  while (!isSo()) {
    if (performance.now() > end) throw new Error(`waited in vain until ${what}`);
    await wait(5);
  }
}

/** Publishes until a subscriber hears: subscribing takes a moment after the connection is there. */
async function heardBy(feed: LiveFeed, heard: readonly FedLine[], run = "run"): Promise<void> {
  await until("the subscriber hears", () => {
    if (heard.length === 0) feed.publish(run, ["hello?"]);
    return heard.length > 0;
  });
}

describe("a subscriber", () => {
  it("gets the run's name and every line as it was published, in order", async () => {
    const feed = await opened();
    expect(feed.address).toMatch(/^tcp:\/\/127\.0\.0\.1:[1-9]\d+$/);
    const { heard } = await following(feed.address);
    await heardBy(feed, heard, "läufe/größe");
    const lines = Array.from({ length: 3_000 }, (_, index) => `{"seq":${index},"text":"Größe 🙂"}`);
    for (let place = 0; place < lines.length; place += 7)
      feed.publish("läufe/größe", lines.slice(place, place + 7));
    await until("all have come", () => heard.length >= lines.length && heard.at(-1)?.line === lines.at(-1));
    const published = heard.filter(({ line }) => line !== "hello?");
    expect(published.map(({ line }) => line)).toEqual(lines);
    expect(new Set(published.map(({ run }) => run))).toEqual(new Set(["läufe/größe"]));
  });

  it("hears of one run alone when it names it, also when another's name begins the same", async () => {
    const feed = await opened();
    const { heard } = await following(feed.address, "runs/a");
    await heardBy(feed, heard, "runs/a");
    feed.publish("runs/ab", ["not this"]);
    feed.publish("runs/a", ["this"]);
    await until("the last has come", () => heard.at(-1)?.line === "this");
    expect(heard.map(({ line }) => line)).not.toContain("not this");
  });

  it("waits for a feed that is not there yet, and comes back when it was away", async () => {
    const feed = await opened();
    const { heard, isThere, stop } = await following(feed.address);
    await feed.close();
    await until("it is gone", () => isThere.at(-1) === false);
    const again = await opened(feed.address);
    await until("it is back", () => isThere.at(-1) === true);
    await heardBy(again, heard);
    await stop();
    expect(isThere.slice(0, 3)).toEqual([true, false, true]);
  });

  it("leaves out what has not two frames", async () => {
    const stranger = new Publisher({ linger: 0 });
    closing.push(() => stranger.close());
    await stranger.bind("tcp://127.0.0.1:*");
    const { heard } = await following(stranger.lastEndpoint as string);
    await until("the good one has come", () => {
      void stranger
        .send("one frame")
        .then(() => stranger.send(["three", "of", "them"]))
        .then(() => stranger.send(["run", "line"]))
        .catch(() => {});
      return heard.length > 0;
    });
    expect(heard[0]).toEqual({ run: "run", line: "line" });
  });

  it("takes no line beyond bound, hangs up on who sends one, and is sent none", async () => {
    const stranger = new Publisher({ linger: 0 });
    closing.push(() => stranger.close());
    await stranger.bind("tcp://127.0.0.1:*");
    const { heard, isThere } = await following(stranger.lastEndpoint as string);
    await until("it hears", () => {
      void stranger.send(["run", "line"]).catch(() => {});
      return heard.length > 0;
    });
    await stranger.send(["run", "x".repeat(longestLineBytes + 1)]);
    await until("it has hung up", () => isThere.includes(false));
    expect(Math.max(...heard.map(({ line }) => line.length))).toBe(4);

    const feed = await opened();
    const ours = await following(feed.address);
    await heardBy(feed, ours.heard);
    feed.publish("run", ["ü".repeat(longestLineBytes / 2 + 1), "y".repeat(longestLineBytes), "the next"]);
    await until("what comes after it is there", () => ours.heard.at(-1)?.line === "the next");
    expect(new Set(ours.heard.map(({ line }) => line[0]))).toEqual(new Set(["h", "y", "t"]));
    expect(ours.isThere).not.toContain(false);
  });

  it("ends when its signal is raised, before and while it listens", async () => {
    const feed = await opened();
    const { stop } = await following(feed.address);
    await stop();
    for await (const _line of followFeed(feed.address, AbortSignal.abort()))
      throw new Error("heard something");
  });

  it("needs an address that can be listened to", () => {
    const { signal } = new AbortController();
    expect(() => followFeed("tcp://127.0.0.1", signal)).toThrow(UsageError);
    expect(() => followFeed("tcp://127.0.0.1:*", signal)).toThrow(/names no port/);
  });
});

describe("publishing", () => {
  it("continues at once while a subscriber does not read, and keeps a bounded number of lines for it", async () => {
    const feed = await opened();
    const idle = new Subscriber({ receiveHighWaterMark: 1, linger: 0 });
    closing.push(() => idle.close());
    idle.subscribe();
    idle.connect(feed.address);
    const { heard } = await following(feed.address);
    await heardBy(feed, heard);
    await wait(300);
    const line = "x".repeat(4_000);
    const before = process.memoryUsage().rss;
    for (let count = 0; count < 60_000; count += 100) {
      feed.publish(
        "run",
        Array.from({ length: 100 }, () => line),
      );
      await wait(0);
      heard.length = 0;
    }
    feed.publish("run", ["the last"]);
    await until("the one that reads has the last", () => heard.at(-1)?.line === "the last");
    // 240 MB went out; the idle one has at most 10,000 lines waiting, and each line is held once.
    expect(process.memoryUsage().rss - before).toBeLessThan(200e6);
  });

  it("sends what was published last before it closes, and afterwards neither sends nor throws", async () => {
    const feed = await opened();
    const { heard } = await following(feed.address);
    await heardBy(feed, heard);
    const lines = Array.from({ length: 2_000 }, (_, index) => `${index} ${"x".repeat(4_000)}`);
    feed.publish("run", lines);
    await feed.close();
    feed.publish("run", ["too late"]);
    await feed.close();
    await until("the last has come", () => heard.at(-1)?.line === lines.at(-1));
    expect(heard.filter(({ line }) => line !== "hello?")).toHaveLength(2_000);
  });

  it("to nobody, and of nothing, is no trouble", async () => {
    const feed = await opened();
    feed.publish("run", []);
    feed.publish("run", ["unheard"]);
    const { heard } = await following(feed.address);
    await heardBy(feed, heard);
  });
});

describe("an address", () => {
  const failure = async (address: string, allowRemote = false): Promise<string> => {
    try {
      await (await openFeed(address, { allowRemote })).close();
    } catch (error) {
      expect(error).toBeInstanceOf(UsageError);
      return (error as Error).message;
    }
    throw new Error(`${address} was taken`);
  };

  it.each([
    "tcp://0.0.0.0:*",
    "tcp://*:*",
    "tcp://[::]:*",
    "tcp://eth0:*",
    "tcp://192.168.1.2:*",
    "tcp://128.0.0.1:*",
    "tcp://127.evil.org:*",
  ])("that other machines reach is refused, with the reason and the flag: %s", async (address) => {
    const message = await failure(address);
    expect(message).toMatch(/read every strategy and reply/);
    expect(message).toMatch(/no password.*--allow-remote/);
  });

  it("that other machines reach is taken when that is allowed", async () => {
    expect((await opened("tcp://0.0.0.0:*", true)).address).toMatch(/^tcp:\/\/0\.0\.0\.0:\d+$/);
  });

  it.each(["tcp://127.0.0.1:0", "tcp://localhost:*", "tcp://127.1.2.3:*"])(
    "of this machine alone is taken: %s",
    async (address) => {
      expect((await opened(address)).address).toMatch(/^tcp:\/\/127\.\d+\.\d+\.\d+:[1-9]\d+$/);
    },
  );

  it.each([
    "127.0.0.1:5599",
    "tcp://127.0.0.1",
    "tcp://127.0.0.1:99999",
    "tcp://127.0.0.1:22x",
    "http://127.0.0.1:80",
    "tcp://",
    "",
    "ipc://",
  ])("that is none is refused with an example: %s", async (address) => {
    expect(await failure(address)).toContain(`"${address}" is no address of a feed`);
    expect(await failure(address)).toContain("such as tcp://127.0.0.1:5599");
  });

  it("that is taken, or not of this machine, is refused with what to do", async () => {
    const { address } = await opened();
    expect(await failure(address)).toBe(
      `cannot open the feed on ${address}: another process has it; choose another one`,
    );
    expect(await failure("tcp://192.0.2.1:5599", true)).toMatch(
      /this machine has no such address; tcp:\/\/127/,
    );
  });

  it("may be a path: one that is left over is used again, one in use or of another file is refused", async () => {
    const path = join(scratch, "feed.sock");
    const feed = await opened(`ipc://${path}`);
    const { heard } = await following(feed.address);
    await heardBy(feed, heard);
    expect(await failure(`ipc://${path}`)).toMatch(/another process has it/);
    await feed.close();
    const other = createServer().listen(join(scratch, "left.sock"));
    await once(other, "listening");
    expect(await failure(`ipc://${join(scratch, "left.sock")}`)).toMatch(/another process has it/);
    other.close();
    writeFileSync(join(scratch, "thesis"), "years of work");
    expect(await failure(`ipc://${join(scratch, "thesis")}`)).toMatch(/something else is there/);
    expect(readFileSync(join(scratch, "thesis"), "utf8")).toBe("years of work");
    expect(await failure(`ipc://${join(scratch, "none/feed.sock")}`)).toMatch(/there is no such folder/);
    expect(await failure(`ipc://${join(scratch, "x".repeat(200))}`)).toMatch(/too long/);
    expect((await opened(`ipc://${path}`)).address).toBe(`ipc://${path}`);
  });
});
