/**
 * The live page of a run, shown by a process of its own so that it takes nothing from the run.
 *
 * Starts that process, reads its address and ends it after the run. Serves nothing itself.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { basename, resolve } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { mainFile } from "../system/installation.ts";

/** A page that is shown by a process of its own while a run works. */
export interface DashboardBeside {
  /** What to say of it: one line with its address, or why there is none. */
  readonly words: string;
  readonly isShown: boolean;
  /** Lets the page have the last of the run, then ends it. */
  close(): Promise<void>;
}

/**
 * Starts the page of a run as a process of its own. One that does not start is said, and nothing more.
 *
 * @param run the folder of the run to show first, somewhere in `folder`
 */
export async function dashboardBeside(folder: string, run: string): Promise<DashboardBeside> {
  let child: ChildProcess;
  try {
    // In a group of its own: Ctrl-C is for the run, which ends the page when it has shown the last of it. The channel tells
    // the page when the run is gone, however it went.
    child = spawn(process.execPath, [mainFile, "dashboard", folder, "--json"], {
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
  const first = await firstWords(child, ended);
  if (!first.ok) child.kill("SIGKILL");
  for (const part of [child, child.stdout, child.stderr, child.channel]) {
    if (part && "unref" in part && typeof part.unref === "function") part.unref();
  }
  if (!first.ok) return noPage(`no page of this run: ${first.words}`);
  const id = resolve(run) === resolve(folder) ? "." : basename(run);
  const { origin } = new URL(first.address);
  return {
    isShown: true,
    words: `page on ${origin}/#/run/${encodeURIComponent(id)}?token=${first.token}`,
    close: async () => {
      await wait(lastLinesMs);
      child.kill("SIGTERM");
      const isEnded = await Promise.race([ended.then(() => true), wait(endingMs, false, { ref: false })]);
      if (!isEnded) child.kill("SIGKILL");
    },
  };
}

// --- internal ---

/** How long a page that is started may take. */
const startingMs = 10_000;
/** How long the last lines of a run take to a page, and the page's process to its end. */
const lastLinesMs = 400;
const endingMs = 1_000;

function noPage(words: string): DashboardBeside {
  return { words, isShown: false, close: async () => {} };
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
