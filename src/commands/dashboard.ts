/**
 * `dashboard`: the live page of a folder of runs.
 *
 * Owns where the server listens and what is said of it, and the page that is started beside a run, as a process of its own
 * so that it takes nothing from the run. What the server does is dashboard/server.ts.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, statSync } from "node:fs";
import { type Server } from "node:http";
import { type AddressInfo, isIP } from "node:net";
import { hostname, networkInterfaces } from "node:os";
import { basename, resolve } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createAdaptorServer } from "@hono/node-server";
import { openRowIndex, type RowIndex } from "../adapters/row-index.ts";
import { type RowMaking, RunShelf } from "../adapters/run-shelf.ts";
import { codeOf } from "../adapters/system-error.ts";
import { cacheFromEnvironment } from "../config.ts";
import { openPageModules, programFolder } from "../dashboard/page-modules.ts";
import type { RunRow } from "../dashboard/protocol.ts";
import { rowOf, runRowSchema, withHolder } from "../dashboard/run-row.ts";
import { serverOf } from "../dashboard/server.ts";
import { UsageError } from "../errors.ts";
import { benchRecordName, benchRecordText } from "../report/bench-record.ts";
import { type Output, say as sayLine } from "./output.ts";

export interface DashboardFlags {
  readonly port?: number | undefined;
  readonly host?: string | undefined;
  readonly allowRemote?: boolean | undefined;
  readonly readOnly?: boolean | undefined;
}

/** A page that is shown by a process of its own while a run goes on. */
export interface DashboardBeside {
  /** What to say of it: one line with its address, or why there is none. */
  readonly words: string;
  readonly isShown: boolean;
  /** Lets the page have the last of the run, then ends it. */
  close(): Promise<void>;
}

/**
 * Serves the page of a folder until the signal is raised, which is how it ends well.
 *
 * @throws UsageError when the folder is a file, the address is one that other machines reach and that was not allowed, or no
 *   port is free
 */
export async function dashboard(
  named: string | undefined,
  { port = defaultPort, host = loopback, allowRemote = false, readOnly = false }: DashboardFlags,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const folder = named ?? "runs";
  if (existsSync(folder) && !statSync(folder).isDirectory())
    throw new UsageError(`${folder} is a file; name a folder of runs, or the folder of one run`);
  if (!isLoopback(host) && !allowRemote)
    throw new UsageError(
      `--host ${host} can be reached by other machines, and whoever reaches the page reads every strategy and reply without a password; add --allow-remote if that is meant`,
    );
  if (port > mostPort) throw new UsageError(`--port ${port} is none: ports end at ${mostPort}`);
  const ending = endOf(signal);
  const shelf = new RunShelf<RunRow>(folder, rowMaking, indexOf(folder), say);
  const token = readOnly ? null : randomBytes(16).toString("base64url");
  let hosts: ReadonlySet<string> = new Set();
  const app = serverOf({
    shelf,
    modules: await openPageModules(programFolder),
    token,
    hosts: () => hosts,
    signal: ending,
  });
  const server = createAdaptorServer({ fetch: app.fetch, hostname: host }) as Server;
  const bound = await listen(server, host, port);
  hosts = hostsOf(host, bound);
  const origin = `http://${inAddress(host)}:${bound}`;
  if (port !== 0 && bound !== port) say(`port ${port} is taken; the page is on port ${bound}`);
  if (!isLoopback(host))
    say(
      "other machines reach this page: whoever does reads every run, and whoever has the token steers them",
    );
  if (!existsSync(folder)) say(`there is no folder ${folder} yet: runs show as soon as it has some`);
  const address = `${origin}/${token === null ? "" : `#token=${token}`}`;
  output.result({ address, folder, token }, [
    address,
    `the runs of ${folder}; open this address in a browser, and press Ctrl-C here when done`,
  ]);
  await new Promise<void>((done) => {
    if (ending.aborted) done();
    else ending.addEventListener("abort", () => done(), { once: true });
  });
  const closed = new Promise<void>((done) => {
    server.close(() => done());
  });
  await shelf.close();
  server.closeIdleConnections();
  // A reader that takes nothing more is not waited for.
  await Promise.race([closed, wait(closingMs, undefined, { ref: false })]);
  server.closeAllConnections();
}

/**
 * Starts the page of a run as a process of its own. One that does not start is said, and nothing more.
 *
 * @param run the folder of the run to show first, somewhere in `folder`
 */
export async function dashboardBeside(folder: string, run: string): Promise<DashboardBeside> {
  const cli = fileURLToPath(new URL("../cli.js", import.meta.url));
  let child: ChildProcess;
  try {
    // In a group of its own: Ctrl-C is for the run, which ends the page when it has shown the last of it. The channel tells
    // the page when the run is gone, however it went.
    child = spawn(process.execPath, [cli, "dashboard", folder, "--json"], {
      detached: true,
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
  } catch (error) {
    return noPage(`no page: ${(error as Error).message}`);
  }
  const ended = new Promise<void>((done) => {
    child.once("exit", () => done());
    child.once("error", () => done());
  });
  const told = await firstWords(child, ended);
  if (!told.ok) child.kill("SIGKILL");
  for (const part of [child, child.stdout, child.stderr, child.channel]) {
    if (part && "unref" in part && typeof part.unref === "function") part.unref();
  }
  if (!told.ok) return noPage(`no page of this run: ${told.words}`);
  const id = resolve(run) === resolve(folder) ? "." : basename(run);
  const { origin } = new URL(told.address);
  return {
    isShown: true,
    words: `page on ${origin}/#/run/${encodeURIComponent(id)}?token=${told.token}`,
    close: async () => {
      await wait(lastLinesMs);
      child.kill("SIGTERM");
      const isEnded = await Promise.race([ended.then(() => true), wait(endingMs, false, { ref: false })]);
      if (!isEnded) child.kill("SIGKILL");
    },
  };
}

// --- internal ---

const loopback = "127.0.0.1";
const defaultPort = 8477;
/** So many ports behind the wanted one are tried. */
const morePorts = 20;
const mostPort = 65_535;
/** How long streams may take to end. */
const closingMs = 1_000;
/** How long a page that is started may take. */
const startingMs = 10_000;
/** How long the last lines of a run take to a page, and the page's process to its end. */
const lastLinesMs = 400;
const endingMs = 1_000;

/** What is told of the runs and benches of a folder. */
export const rowMaking: RowMaking<RunRow> = {
  of: (id, state, trouble) => rowOf(id, state, { isHeld: true, trouble }),
  withHolder,
  benchRecord: benchRecordName,
  ofBench: (text) => {
    const { success, data } = benchRecordText.safeParse(text);
    if (!success) return null;
    const { title, cells } = data;
    const failed = cells.filter(({ status }) => status === "failed").length;
    return { title, planned: cells.length, failed };
  },
};

function noPage(words: string): DashboardBeside {
  return { words, isShown: false, close: async () => {} };
}

function indexOf(folder: string): RowIndex<RunRow> {
  const cache = cacheFromEnvironment();
  return cache === null
    ? { find: () => undefined, store: async () => {} }
    : openRowIndex(cache, folder, runRowSchema);
}

/** Raised by the signal, or when the process that started this one is gone. */
function endOf(signal: AbortSignal): AbortSignal {
  if (process.connected !== true) return signal;
  const gone = new AbortController();
  process.once("disconnect", () => gone.abort());
  return AbortSignal.any([signal, gone.signal]);
}

/** Listens on the port, or on the next one that is free. @returns the port */
async function listen(server: Server, host: string, wanted: number): Promise<number> {
  const last = wanted === 0 ? 0 : Math.min(wanted + morePorts, mostPort);
  for (let port = wanted; port <= last; port++) {
    const failure = await new Promise<Error | null>((done) => {
      server.once("error", done);
      server.listen(port, host, () => {
        server.off("error", done);
        done(null);
      });
    });
    if (failure === null) return (server.address() as AddressInfo).port;
    const code = codeOf(failure);
    if (code === "EADDRINUSE") continue;
    throw new UsageError(
      code === "EACCES"
        ? `port ${port} on ${host} is not ours to take; name another --port`
        : `cannot listen on ${host} (${failure.message}); name another --host or --port`,
    );
  }
  throw new UsageError(
    `ports ${wanted} to ${last} on ${host} are taken; name another --port, or 0 for any that is free`,
  );
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

/** What may stand in Host beside loopback addresses. A name that somebody else gives this machine is never among it. */
function hostsOf(host: string, port: number): Set<string> {
  const isEverywhere = host === "0.0.0.0" || host === "::";
  const addresses = Object.values(networkInterfaces()).flatMap((entries) =>
    (entries ?? []).map(({ address }) => address),
  );
  const names = [host, ...(isEverywhere ? [...addresses, hostname(), `${hostname()}.local`] : [])];
  return new Set(
    names.flatMap((name) => {
      const written = inAddress(name).toLowerCase();
      return port === 80 ? [written, `${written}:80`] : [`${written}:${port}`];
    }),
  );
}

function inAddress(host: string): string {
  return isIP(host) === 6 ? `[${host}]` : host;
}

function say(line: string): void {
  sayLine(`collm-nas: ${line}`);
}

type FirstWords =
  | { readonly ok: true; readonly address: string; readonly token: string }
  | { readonly ok: false; readonly words: string };

/** What a page that was started says of itself. */
async function firstWords(child: ChildProcess, ended: Promise<void>): Promise<FirstWords> {
  const complaints: string[] = [];
  child.stderr?.on("data", (bytes: Buffer) => complaints.push(bytes.toString("utf8")));
  const complaint = () =>
    /^(?:collm-nas|\w*Error): (.*)$/m.exec(complaints.join(""))?.[1] ?? "it ended at once";
  const answer = new Promise<FirstWords>((done) => {
    if (child.stdout === null) return;
    createInterface({ input: child.stdout }).once("line", (line) => {
      try {
        done({ ok: true, ...(JSON.parse(line) as { address: string; token: string }) });
      } catch {
        done({ ok: false, words: `it said ${line}` });
      }
    });
  });
  return await Promise.race([
    answer,
    ended.then((): FirstWords => ({ ok: false, words: complaint() })),
    wait(startingMs, undefined, { ref: false }).then(
      (): FirstWords => ({ ok: false, words: "it did not start in time" }),
    ),
  ]);
}
