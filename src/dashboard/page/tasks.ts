/**
 * Work in pieces, so that the page answers in between.
 *
 * Owns how a piece of work makes room for what a reader does. Knows no work.
 */

/** Lets everything else that waits have its turn. Unlike a timer this takes no time of its own, in hidden windows too. */
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
