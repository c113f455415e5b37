/**
 * One call at a time: a lock file that its holder touches every two seconds. One that is untouched for 20 seconds is
 * that of a call that was killed.
 *
 * It is plain JavaScript and imports only what is part of Node: scripts/setup.mjs uses it before anything is installed
 * or compiled.
 */
import { rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";

const touchMs = 2_000;
const lostMs = 20_000;
const lookMs = 200;

/**
 * Takes the lock, or waits for the call that holds it.
 *
 * @param {string} path
 * @param {{ readonly onWait: () => void, readonly signal: AbortSignal }} options `onWait` is called once, if it waits;
 *   the signal ends the wait with an AbortError
 * @returns {Promise<() => void>} gives it back; so does the end of the process
 */
export async function takeLock(path, { onWait, signal }) {
  for (let tries = 0; !tryLock(path); tries += 1) {
    const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > lostMs) rmSync(path, { force: true });
    else if (tries === 0) onWait();
    await wait(lookMs, undefined, { signal });
  }
  const release = () => {
    clearInterval(touching);
    process.off("exit", release);
    rmSync(path, { force: true });
  };
  process.on("exit", release);
  const touching = setInterval(() => touch(path), touchMs);
  touching.unref();
  return release;
}

/** @param {string} path */
function tryLock(path) {
  try {
    writeFileSync(path, "", { flag: "wx" });
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

/** @param {string} path */
function touch(path) {
  const now = new Date();
  try {
    utimesSync(path, now, now);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
  }
}

/** @param {unknown} error */
function codeOf(error) {
  return error instanceof Error && "code" in error ? error.code : "";
}
