/** Waits for work that a signal or a time limit may end earlier. */
import { Interrupted } from "../errors.ts";

/** @throws Interrupted when the signal is raised */
export function throwIfRaised(signal: AbortSignal): void {
  if (signal.aborted) throw new Interrupted("stopped on request");
}

/** Waits for `work` until the signal is raised. */
export async function unlessRaised<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  throwIfRaised(signal);
  let release = () => {};
  const raised = new Promise<never>((_, reject) => {
    const interrupt = () => reject(new Interrupted("stopped on request"));
    signal.addEventListener("abort", interrupt, { once: true });
    release = () => signal.removeEventListener("abort", interrupt);
  });
  try {
    return await Promise.race([work, raised]);
  } finally {
    release();
  }
}

/** The result of `work`, or null when it takes longer than `seconds`. */
export async function within<T>(seconds: number, work: Promise<T>): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), seconds * 1000);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
