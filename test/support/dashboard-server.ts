/**
 * The live page's server, started by hand and asked over real HTTP: plain requests, and streams of events as they come in.
 * Streams are closed when the test file is through.
 */
import { request } from "node:http";
import { afterAll, beforeAll, expect } from "vitest";
import type { StatusMessage } from "../../src/dashboard/protocol.ts";
import type { RunRow, RunsChange } from "../../src/runs/shown-runs.ts";
import type { RunEvent } from "../../src/search/events.ts";
import { type Process, type Settings, start, temporaryFolder, until } from "./cli.ts";
import { searchedRecord } from "./live-runs.ts";

export const cache = { XDG_CACHE_HOME: temporaryFolder() };
/** A run that has ended. */
export let record: readonly RunEvent[];

beforeAll(async () => {
  record = await searchedRecord({ search: { budget: 40 } });
});

export interface Started {
  readonly process: Process;
  readonly address: string;
  readonly origin: string;
  readonly port: number;
  readonly token: string | null;
}

/** Starts the command on a port of its own, and waits until it says where it is. */
export async function serve(
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

export interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** Asks as a browser or anybody else would: path and headers go out as they are given. */
export async function ask(
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
export async function entryOf(server: Pick<Started, "port">): Promise<string> {
  const { body } = await ask(server, "/");
  return /<script type="module" src="([^"]+)"/.exec(body)?.[1] ?? "";
}

export interface Message {
  readonly event: string;
  readonly data: string;
  readonly id: string | null;
}

/** A stream of events as it comes in. */
export class Stream {
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

  get statuses(): StatusMessage[] {
    return this.of("status").map(({ data }) => JSON.parse(data) as StatusMessage);
  }

  get rows(): Map<string, RunRow> {
    const rows = new Map<string, RunRow>();
    for (const { data } of this.of("runs")) {
      const message = JSON.parse(data) as RunsChange;
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
