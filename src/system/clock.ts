/**
 * The clock of this machine, and deadlines on it.
 *
 * A wait is made of timers, and a signal ends it.
 */
import { setTimeout as wait } from "node:timers/promises";
import { Interrupted } from "../errors.ts";
import type { Clock, Deadline } from "../search/ports.ts";

/** A timer set for longer than this fires at once. */
export const longestTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => new Date().toISOString(),
  seconds: () => performance.now() / 1000,
  sleep: async (seconds, signal) => {
    try {
      for (let left = seconds * 1000; left > 0; left -= longestTimerMs) {
        await wait(Math.min(left, longestTimerMs), undefined, { signal });
      }
    } catch (error) {
      throw new Interrupted("stopped on request", { cause: error });
    }
  },
};

/** The end of so many seconds from now. It keeps no process alive. */
export function deadlineIn(seconds: number): Deadline {
  let end = performance.now() + seconds * 1000;
  const over = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const set = () => {
    const left = end - performance.now();
    if (left <= 0) over.abort();
    else timer = setTimeout(set, Math.min(left, longestTimerMs)).unref();
  };
  set();
  return {
    signal: over.signal,
    isOver: () => over.signal.aborted || performance.now() >= end,
    without: async (wait) => {
      const left = end - performance.now();
      clearTimeout(timer);
      end = Number.POSITIVE_INFINITY;
      try {
        return await wait();
      } finally {
        end = performance.now() + left;
        set();
      }
    },
  };
}
