/**
 * Other processes that open, close and write runs: the file journal compiled for them, and a child that obeys.
 *
 * A test file calls `journalWorkers()` once, at its top. Every child is killed after the test that started it.
 */
import { type ChildProcess, execFileSync, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import type { RunEvent } from "../../src/search/events.ts";

/** What a child does: opens and closes runs on command, or appends without end and tells what was acknowledged. */
const worker = `
import { createRun, openRun } from "./runs/journal.js";
const clock = { now: () => new Date().toISOString() };
const strategy = (round) => ({ type: "strategy-set", round, text: "s".repeat(round % 300) });
let journal = null;
const actions = {
  async open({ folder }) {
    const opened = await openRun(folder, clock);
    journal = opened.journal;
    return { repairs: opened.repairs, events: opened.events.length };
  },
  async close() {
    await journal?.close();
    journal = null;
    return {};
  },
  async flood({ folder }) {
    ({ journal } = await openRun(folder, clock));
    for (let round = 1; ; round += 3) {
      await Promise.all([0, 1, 2].map(async (add) => {
        const events = await journal.append(Array.from({ length: add + 1 }, () => strategy(round + add)));
        process.send({ acknowledged: events });
      }));
    }
  },
  /** Appends until the file may not grow any more. */
  async fill({ folder, started }) {
    journal = await createRun(folder, clock);
    const acknowledged = [...(await journal.append([started]))];
    for (let round = 1; ; round++) {
      try {
        acknowledged.push(...(await journal.append([strategy(round)])));
      } catch (error) {
        await journal.close();
        return { acknowledged, name: error.name, message: error.message };
      }
    }
  },
};
process.on("message", async (message) => {
  try {
    process.send({ done: await actions[message.action](message) });
  } catch (error) {
    process.send({ failed: error.name, message: error.message });
  }
});
process.on("disconnect", () => process.exit());
process.send({ ready: true });
`;

export interface Answer {
  readonly done?: Record<string, unknown> & { readonly repairs?: string[] };
  readonly failed?: string;
  readonly message?: string;
  readonly ready?: boolean;
  readonly acknowledged?: RunEvent[];
}

export interface JournalWorkers {
  /** Killed after each test. */
  readonly children: ChildProcess[];
  /** Where the program of a child lies. */
  script(): string;
  startChild(): Promise<ChildProcess>;
  /** The same child, once it runs. */
  started(child: ChildProcess): Promise<ChildProcess>;
}

export function journalWorkers(): JournalWorkers {
  const root = fileURLToPath(new URL("../../", import.meta.url));
  const children: ChildProcess[] = [];
  let program: string;

  beforeAll(() => {
    // Children run the same source, compiled: Node 20 cannot import TypeScript.
    program = mkdtempSync(join(tmpdir(), "journal-worker-"));
    symlinkSync(join(root, "node_modules"), join(program, "node_modules"));
    writeFileSync(join(program, "package.json"), '{"type":"module"}');
    writeFileSync(join(program, "worker.js"), worker);
    const config = {
      extends: join(root, "tsconfig.json"),
      compilerOptions: { noEmit: false, rootDir: join(root, "src"), outDir: program, noCheck: true },
      files: [join(root, "src/runs/journal.ts")],
      include: [],
    };
    writeFileSync(join(program, "tsconfig.json"), JSON.stringify(config));
    execFileSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", program], {
      stdio: "pipe",
    });
  });

  afterEach(() => {
    for (const child of children.splice(0)) child.kill("SIGKILL");
  });

  afterAll(() => {
    rmSync(program, { recursive: true });
  });

  const script = () => join(program, "worker.js");

  async function started(child: ChildProcess): Promise<ChildProcess> {
    children.push(child);
    expect(await answerOf(child)).toEqual({ ready: true });
    return child;
  }

  const startChild = () => started(fork(script(), [], { execArgv: [] }));

  return { children, script, startChild, started };
}

export async function ask(
  child: ChildProcess,
  message: { action: string; [key: string]: unknown },
): Promise<Answer> {
  const answer = answerOf(child);
  child.send(message);
  return await answer;
}

export async function killed(child: ChildProcess): Promise<void> {
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

// --- internal ---

async function answerOf(child: ChildProcess): Promise<Answer> {
  const heard = new AbortController();
  const gone = once(child, "exit", { signal: heard.signal }).then(([code, signal]) => {
    throw new Error(`the child ended with ${code ?? signal}`);
  });
  try {
    const [answer] = await Promise.race([once(child, "message", { signal: heard.signal }), gone]);
    return answer as Answer;
  } finally {
    heard.abort();
    gone.catch(() => {});
  }
}
