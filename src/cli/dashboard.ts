/**
 * `dashboard`: serves the live page of a folder of runs.
 *
 * Chooses the address and prints it. What the server does is dashboard/server.ts.
 */
import { program } from "../app/compose.ts";
import { randomBytes } from "node:crypto";
import { existsSync, statSync } from "node:fs";
import { type Server } from "node:http";
import { type AddressInfo, isIP } from "node:net";
import { hostname, networkInterfaces } from "node:os";
import { setTimeout as wait } from "node:timers/promises";
import { createAdaptorServer } from "@hono/node-server";
import { openRowIndex } from "../runs/row-index.ts";
import { type BenchFile, FolderCatalog } from "../runs/run-catalog.ts";
import { codeOf } from "../system/system-error.ts";
import { cacheFromEnvironment } from "../settings/environment.ts";
import { readPageFiles } from "../dashboard/page-files.ts";
import { serverOf } from "../dashboard/server.ts";
import { UsageError } from "../errors.ts";
import { benchRecordName, benchRecordText } from "../report/bench-record.ts";
import type { Output } from "./output.ts";

export interface DashboardFlags {
  readonly port?: number | undefined;
  readonly host?: string | undefined;
  readonly allowRemote?: boolean | undefined;
  readonly readOnly?: boolean | undefined;
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
      `other machines can reach --host ${host}, and read every strategy and reply without a password; add --allow-remote if that is meant`,
    );
  if (port > mostPort) throw new UsageError(`--port ${port} is none: ports end at ${mostPort}`);
  const ending = endOf(signal);
  const say = (line: string) => output.say(`collm-nas: ${line}`);
  const catalog = new FolderCatalog(folder, benchFile, openRowIndex(cacheFromEnvironment(), folder), say);
  const token = readOnly ? null : randomBytes(16).toString("base64url");
  let hosts: ReadonlySet<string> = new Set();
  const app = serverOf({
    program,
    catalog,
    files: await readPageFiles(),
    token,
    hosts: () => hosts,
    signal: ending,
    onBug: (stack) => say(`this is a bug, please report it: ${stack}`),
  });
  const server = createAdaptorServer({ fetch: app.fetch, hostname: host }) as Server;
  const bound = await listen(server, host, port);
  hosts = hostsOf(host, bound);
  const origin = `http://${inAddress(host)}:${bound}`;
  if (port !== 0 && bound !== port) say(`port ${port} is taken; the page is on port ${bound}`);
  if (!isLoopback(host))
    say("other machines reach this page: everybody on them can read every run, and steer it with the token");
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
  await catalog.close();
  server.closeIdleConnections();
  // A reader that takes nothing more is not waited for.
  await Promise.race([closed, wait(closingMs, undefined, { ref: false })]);
  server.closeAllConnections();
}

// --- internal ---

const loopback = "127.0.0.1";
const defaultPort = 8477;
/** So many ports after the wanted one are tried. */
const morePorts = 20;
const mostPort = 65_535;
/** How long streams may take to end. */
const closingMs = 1_000;
/** How a bench is recognized among runs. */
export const benchFile: BenchFile = {
  name: benchRecordName,
  read: (text) => {
    const { success, data } = benchRecordText.safeParse(text);
    if (!success) return null;
    const { title, combinations } = data;
    const failed = combinations.filter(({ status }) => status === "failed").length;
    return { title, planned: combinations.length, failed };
  },
};

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
