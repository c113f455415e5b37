/** Splits work into pieces, so that the page stays responsive. */

/** Lets everything else that waits run first. Unlike a timer it adds no time, not even in hidden windows. */
export async function yielded(): Promise<void> {
  await new Promise<void>((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

/** How long a window may be hidden before it releases what it holds, in milliseconds. */
const hiddenMs = 10_000;

/**
 * Releases something while the window is hidden, and takes it again later: a browser has six connections to one server, and
 * every window of this page would hold one or two of them.
 *
 * @returns what ends that
 */
export function whileSeen({
  resume,
  rest,
}: {
  readonly resume: () => void;
  readonly rest: () => void;
}): () => void {
  let timer: ReturnType<typeof setTimeout> | null = null;
  let isResting = false;
  const changed = () => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    if (document.hidden)
      timer = setTimeout(() => {
        isResting = true;
        rest();
      }, hiddenMs);
    else if (isResting) {
      isResting = false;
      resume();
    }
  };
  document.addEventListener("visibilitychange", changed);
  changed();
  return () => {
    document.removeEventListener("visibilitychange", changed);
    if (timer !== null) clearTimeout(timer);
  };
}

/** Calls back before the next picture is drawn, once however often it is asked to; not while the window is hidden. */
export function oncePerFrame(callback: () => void): { (): void; cancel(): void } {
  let asked: number | null = null;
  const ask = () => {
    asked ??= requestAnimationFrame(() => {
      asked = null;
      callback();
    });
  };
  ask.cancel = () => {
    if (asked !== null) cancelAnimationFrame(asked);
    asked = null;
  };
  return ask;
}
