/**
 * How many cases a sweep takes. A sweep is a test over very many cases of one kind: kills at every event, random texts,
 * a thousand runs. It stands in a file NAME.sweep.test.ts, which runs twice: `npm test` takes a few of the cases, `npm run
 * test:long` all of them.
 */
import { inject } from "vitest";

declare module "vitest" {
  export interface ProvidedContext {
    sweep: "few" | "all";
  }
}

/** What this run of the tests takes: `few` in `npm test`, `all` in `npm run test:long`. */
export function casesOf<T>({ few, all }: { readonly few: T; readonly all: T }): T {
  return inject("sweep") === "all" ? all : few;
}
