/**
 * The live feed: publishes every line of a run's journal over ZeroMQ after it is on disk.
 *
 * Publishing never waits. A subscriber that is slow or frozen loses lines, and the run loses nothing. Each message has two frames,
 * the run's name and the line. A reader finds missing lines by their numbers and takes them from the journal (feed-merge.ts).
 */
import { chmod, lstat } from "node:fs/promises";
import { connect, isIPv4 } from "node:net";
import type { Publisher } from "zeromq";
import { UsageError } from "../errors.ts";
import { installPackage } from "../system/installation.ts";
import { codeOf } from "../system/system-error.ts";

export interface LiveFeed {
  /** Its address, with the real port where any free one was asked for. */
  readonly address: string;
  /** Sends lines of a run to everybody who listens now. Neither waits nor throws. */
  publish(run: string, lines: readonly string[]): void;
  /** Sends what was published, as far as subscribers take it at once, and closes. May be called again. */
  close(): Promise<void>;
}

/** One line of a run as it was published. */
export interface FedLine {
  readonly run: string;
  readonly line: string;
}

/** How many lines are kept for a subscriber that does not read: 20 MB of usual ones, and they are held only once. */
const mostWaiting = 10_000;
/** How many wait here to be read; more stay with the feed. */
const mostUnread = 1_000;
/** A longer line is neither sent nor taken: it is only in the journal. A feed that sends one is disconnected. */
export const longestLineBytes = 4 * 1024 * 1024;
/** The longest message of a subscriber: the topic that it wants. */
const longestWishBytes = 64 * 1024;
/** How long lines are collected before they leave together, in milliseconds. */
const gatherMs = 20;
/** How long closing may take while subscribers still read. */
const lingerMs = 200;
const heartbeatMs = 5_000;
const reconnectMs = 250;
const example = "such as tcp://127.0.0.1:5599";

/**
 * Only its owner may open a socket in the file system, unless it is shared.
 *
 * @throws UsageError when the address is none, is taken, is not this machine's, or is reached by other machines without
 *   `allowRemote`
 */
export async function openFeed(
  address: string,
  { allowRemote, isShared = false }: { readonly allowRemote: boolean; readonly isShared?: boolean },
): Promise<LiveFeed> {
  const place = readAddress(address);
  if (place.isRemote && !allowRemote) {
    throw new UsageError(
      `other machines can reach the feed on ${address}, and read every strategy and reply, since there is no password; bind tcp://127.0.0.1:PORT instead, or allow it with --allow-remote`,
    );
  }
  if (place.path !== null) await requireFree(place.path);
  const { Publisher } = await zeromq();
  const socket = new Publisher({
    linger: lingerMs,
    sendHighWaterMark: mostWaiting,
    maxMessageSize: longestWishBytes,
    ipv6: place.isIPv6,
  });
  try {
    await socket.bind(address);
    // Nothing has been sent yet: from here on only the owner can begin to listen.
    const path = /^ipc:\/\/([^@].*)$/.exec(socket.lastEndpoint ?? "")?.[1];
    if (path !== undefined && !isShared) await chmod(path, 0o600);
  } catch (error) {
    socket.close();
    throw new UsageError(`cannot open the feed on ${address}: ${whyNot(error)}`, { cause: error });
  }
  return new ZeroMqFeed(socket, socket.lastEndpoint ?? address);
}

/**
 * Listens to a feed until the signal is raised. It waits for a feed that is not there (yet), and comes back by itself.
 *
 * @param topic the name of the only run that is wanted; empty: all
 * @param onConnection called when the feed is there, and when it is gone
 * @throws UsageError at once when the address is none
 */
export function followFeed(
  address: string,
  signal: AbortSignal,
  topic = "",
  onConnection: (isThere: boolean) => void = () => {},
): AsyncIterable<FedLine> {
  const { isIPv6, isWildcard } = readAddress(address);
  if (isWildcard)
    throw new UsageError(`${address} names no port to listen to; give the feed's own address, ${example}`);
  return listen(address, isIPv6, signal, topic, onConnection);
}

// --- internal ---

class ZeroMqFeed implements LiveFeed {
  readonly address: string;
  readonly #socket: Publisher;
  #queue: (readonly [string, string])[] = [];
  #draining: Promise<void> | null = null;
  #isClosed = false;
  /** Ends the wait in which lines are collected. */
  #hurry: () => void = () => {};

  constructor(socket: Publisher, address: string) {
    this.#socket = socket;
    this.address = address;
  }

  publish(run: string, lines: readonly string[]): void {
    if (this.#isClosed) return;
    for (const line of lines) if (Buffer.byteLength(line) <= longestLineBytes) this.#queue.push([run, line]);
    this.#draining ??= this.#drain();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#hurry();
    await this.#draining;
    this.#socket.close();
  }

  /** The socket takes one message at a time, and at once. A message that no subscriber has room for is dropped. */
  async #drain(): Promise<void> {
    // What comes within a moment leaves together: each subscriber wakes once for all of it, perhaps on the run's own cores.
    await new Promise<void>((go) => {
      const timer = setTimeout(go, gatherMs);
      this.#hurry = () => {
        clearTimeout(timer);
        go();
      };
    });
    try {
      while (this.#queue.length > 0) {
        for (const message of this.#queue.splice(0)) await this.#socket.send([...message]);
      }
    } catch {
      // A line that could not be sent is in the journal.
    } finally {
      this.#draining = null;
    }
  }
}

async function* listen(
  address: string,
  ipv6: boolean,
  signal: AbortSignal,
  topic: string,
  onConnection: (isThere: boolean) => void,
): AsyncGenerator<FedLine> {
  const { Subscriber } = await zeromq();
  if (signal.aborted) return;
  const socket = new Subscriber({
    receiveHighWaterMark: mostUnread,
    maxMessageSize: longestLineBytes,
    linger: 0,
    ipv6,
    reconnectInterval: reconnectMs,
    heartbeatInterval: heartbeatMs,
    heartbeatTimeout: 3 * heartbeatMs,
  });
  const close = () => socket.close();
  signal.addEventListener("abort", close, { once: true });
  try {
    socket.events.on("handshake", () => onConnection(true));
    socket.events.on("disconnect", () => onConnection(false));
    socket.subscribe(topic);
    socket.connect(address);
    for await (const [run, line, ...more] of socket) {
      // Somebody else's feed may send anything, and a topic is only how a name begins.
      if (run === undefined || line === undefined || more.length > 0) continue;
      const name = run.toString("utf8");
      if (topic === "" || name === topic) yield { run: name, line: line.toString("utf8") };
    }
  } finally {
    signal.removeEventListener("abort", close);
    socket.close();
  }
}

/** Loaded when it is needed: a run without a feed does not wait for it. */
async function zeromq(): Promise<typeof import("zeromq")> {
  try {
    return await import("zeromq");
  } catch (error) {
    if (codeOf(error) !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new UsageError(
      `the feed needs the package zeromq, which is not installed here: run \`${installPackage("zeromq@6")}\`, or leave out the feed`,
      { cause: error },
    );
  }
}

// ----- Addresses -----

interface Place {
  /** Whether other machines can reach it. */
  readonly isRemote: boolean;
  readonly isIPv6: boolean;
  /** Whether any free port or path is meant. */
  readonly isWildcard: boolean;
  /** Of a socket in the file system; null: it is none, or any. */
  readonly path: string | null;
}

/** Whether a word is meant as an address, good or not. */
export function isFeedAddress(word: string): boolean {
  return /^[a-z]+:\/\//i.test(word);
}

function readAddress(address: string): Place {
  const path = /^ipc:\/\/(.+)$/.exec(address)?.[1];
  if (path !== undefined) {
    const isAny = path === "*";
    // A path that begins with @ is no file.
    return {
      isRemote: false,
      isIPv6: false,
      isWildcard: isAny,
      path: isAny || path.startsWith("@") ? null : path,
    };
  }
  const [, host, port] = /^tcp:\/\/(\[[0-9a-fA-F:.%\w]+\]|[^\s:/[\]]+):(\d{1,5}|\*)$/.exec(address) ?? [];
  if (host === undefined || port === undefined || Number(port) > 65_535)
    throw new UsageError(
      `"${address}" is no address of a feed; it has to be tcp://HOST:PORT, ${example}, or ipc://PATH`,
    );
  const isLoopback = host === "localhost" || host === "[::1]" || (isIPv4(host) && host.startsWith("127."));
  return {
    isRemote: !isLoopback,
    isIPv6: host.startsWith("["),
    isWildcard: port === "*" || Number(port) === 0,
    path: null,
  };
}

/** ZeroMQ would remove what is there. */
async function requireFree(path: string): Promise<void> {
  const found = await lstat(path).catch(() => null);
  if (found === null) return;
  if (!found.isSocket())
    throw new UsageError(`cannot open the feed on ipc://${path}: something else is there; name another path`);
  const isAnswered = await new Promise<boolean>((resolve) => {
    const probe = connect(path, () => {
      probe.destroy();
      resolve(true);
    }).on("error", () => resolve(false));
  });
  if (isAnswered) throw new UsageError(`cannot open the feed on ipc://${path}: ${reasons.EADDRINUSE}`);
}

const reasons = {
  EADDRINUSE: "another process has it; choose another one",
  EADDRNOTAVAIL: "this machine has no such address; tcp://127.0.0.1:PORT is always there",
  ENODEV: "this machine has no such address; tcp://127.0.0.1:PORT is always there",
  EACCES: "permission denied; choose a port from 1024 on, or a path of your own",
  ENOENT: "there is no such folder; make it, or name another path",
  ENAMETOOLONG: "the path is too long for a socket; name a shorter one",
} as const;

function whyNot(error: unknown): string {
  const code = codeOf(error);
  return code in reasons
    ? reasons[code as keyof typeof reasons]
    : `${error instanceof Error ? error.message : String(error)}; choose another one`;
}
