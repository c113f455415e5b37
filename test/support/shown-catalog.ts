/** A folder of runs and its catalog with a listener: made before each test, removed after it. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, expect } from "vitest";
import { openRowIndex, type RowIndex } from "../../src/runs/row-index.ts";
import { FolderCatalog } from "../../src/runs/run-catalog.ts";
import type { RunRow, RunsChange } from "../../src/runs/shown-runs.ts";
import { benchFile } from "../../src/app/dashboard.ts";
import type { RunEvent } from "../../src/search/events.ts";
import { searchedRecord } from "./live-runs.ts";

export let record: readonly RunEvent[];
export let scratch: string;
export let folder: string;
export let cache: string;
const opened: Shown[] = [];

beforeAll(async () => {
  record = await searchedRecord({ search: { budget: 40 } });
});

beforeEach(() => {
  scratch = realpathSync(mkdtempSync(join(tmpdir(), "run-catalog-")));
  folder = join(scratch, "runs");
  cache = join(scratch, "cache");
  mkdirSync(folder);
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((shown) => shown.close()));
  rmSync(scratch, { recursive: true, force: true });
});

/** A catalog with a listener, and what that one knows by now. */
export class Shown {
  readonly catalog: FolderCatalog;
  readonly rows = new Map<string, RunRow>();
  readonly messages: RunsChange[] = [];
  readonly #stop = new AbortController();
  readonly #listening: Promise<void>;

  constructor(shownFolder: string, index: RowIndex) {
    this.catalog = new FolderCatalog(shownFolder, benchFile, index);
    this.#listening = this.#listen();
    opened.push(this);
  }

  /** How many rows the index did not have. */
  get read(): number | undefined {
    return this.messages[0]?.unread;
  }

  async #listen(): Promise<void> {
    for await (const message of this.catalog.changes(this.#stop.signal)) {
      this.messages.push(message);
      for (const row of message.rows) this.rows.set(row.id, row);
      for (const id of message.gone) this.rows.delete(id);
    }
  }

  get ids(): string[] {
    return [...this.rows.keys()].sort();
  }

  async whole(): Promise<this> {
    await until("everything is read", () => this.messages.at(-1)?.unread === 0);
    return this;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#listening;
    await this.catalog.close();
  }
}

export function show(shownFolder = folder): Shown {
  return new Shown(shownFolder, openRowIndex(cache, shownFolder));
}

export async function until(what: string, holds: () => boolean): Promise<void> {
  await expect.poll(holds, { message: what, timeout: 120_000, interval: 20 }).toBe(true);
}

export function hold(run: string): void {
  const holder = { pid: process.pid, host: hostname(), startedAt: "2026-01-01T00:00:00.000Z" };
  writeFileSync(join(run, "lock"), JSON.stringify(holder));
}
