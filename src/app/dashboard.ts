/**
 * Serves the live page of a folder of runs.
 *
 * What the server answers is dashboard/server.ts.
 */
import { randomBytes } from "node:crypto";
import { existsSync, statSync } from "node:fs";
import type { Server } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import { createAdaptorServer } from "@hono/node-server";
import { readPageFiles } from "../dashboard/page-files.ts";
import { serverOf } from "../dashboard/server.ts";
import { UsageError } from "../errors.ts";
import { benchRecordName, benchRecordText } from "../report/bench-record.ts";
import { openRowIndex } from "../runs/row-index.ts";
import { type BenchFile, FolderCatalog } from "../runs/run-catalog.ts";
import { cacheFromEnvironment } from "../settings/environment.ts";
import { program } from "./compose.ts";
import { hostsOf, inAddress, isLoopback, listen, loopback, mostPort } from "./listening.ts";

export interface DashboardOptions {
  readonly port?: number | undefined;
  readonly host?: string | undefined;
  /** Whether the host may be one that other machines reach. */
  readonly allowRemote?: boolean | undefined;
  /** Whether nobody may steer runs from the page. */
  readonly readOnly?: boolean | undefined;
  /** Takes a line for a person about the page. */
  readonly say?: (line: string) => void;
}

/** A page that is served. */
export interface Dashboard {
  readonly address: string;
  readonly folder: string;
  /** What steers runs; null: nobody may. */
  readonly token: string | null;
  /** Ends the page: readers get what there is. */
  readonly close: () => Promise<void>;
}

/**
 * Serves the page of a folder until it is closed.
 *
 * @throws UsageError when the folder is a file, the address is one that other machines reach and that was not allowed, or no
 *   port is free
 */
export async function serveDashboard(
  folder = "runs",
  {
    port = defaultPort,
    host = loopback,
    allowRemote = false,
    readOnly = false,
    say = () => {},
  }: DashboardOptions = {},
): Promise<Dashboard> {
  if (existsSync(folder) && !statSync(folder).isDirectory())
    throw new UsageError(`${folder} is a file; name a folder of runs, or the folder of one run`);
  if (!isLoopback(host) && !allowRemote)
    throw new UsageError(
      `other machines can reach --host ${host}, and read every strategy and reply without a password; add --allow-remote if that is meant`,
    );
  if (port > mostPort) throw new UsageError(`--port ${port} is none: ports end at ${mostPort}`);
  const ending = new AbortController();
  const catalog = new FolderCatalog(folder, benchFile, openRowIndex(cacheFromEnvironment(), folder), say);
  const token = readOnly ? null : randomBytes(16).toString("base64url");
  let hosts: ReadonlySet<string> = new Set();
  const app = serverOf({
    program,
    catalog,
    files: await readPageFiles(),
    token,
    hosts: () => hosts,
    signal: ending.signal,
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
  const close = async () => {
    ending.abort();
    const closed = new Promise<void>((done) => {
      server.close(() => done());
    });
    await catalog.close();
    server.closeIdleConnections();
    // A reader that takes nothing more is not waited for.
    await Promise.race([closed, wait(closingMs, undefined, { ref: false })]);
    server.closeAllConnections();
  };
  return { address: `${origin}/${token === null ? "" : `#token=${token}`}`, folder, token, close };
}

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

// --- internal ---

const defaultPort = 8477;
/** How long streams may take to end. */
const closingMs = 1_000;
