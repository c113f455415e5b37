/** What a test has to put away again: a test file calls `cleanUps()` once, at its top, and its tests add to the list. */
import { afterEach } from "vitest";

/** Run after each test, the last one first. */
export function cleanUps(): (() => unknown)[] {
  const cleanups: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });
  return cleanups;
}
