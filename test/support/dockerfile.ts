/** Reads the Dockerfiles of docker/: their instructions, and what they copy. Knows nothing of what these are for. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./cli.ts";

/** The instructions of a Dockerfile in order, continued lines joined. */
export function instructions(name: string): { readonly keyword: string; readonly rest: string }[] {
  return readFileSync(join(root, `docker/${name}.Dockerfile`), "utf8")
    .replaceAll(/\\\n/g, " ")
    .split("\n")
    .flatMap((line) => {
      const [, keyword, rest] = /^([A-Z]+) (.*)$/.exec(line) ?? [];
      return keyword === undefined || rest === undefined ? [] : [{ keyword, rest }];
    });
}

/** What COPY takes from the checkout, and where it puts it. */
export function copies(name: string): { readonly sources: string[]; readonly target: string }[] {
  return instructions(name)
    .filter(({ keyword, rest }) => keyword === "COPY" && !rest.startsWith("--from"))
    .map(({ rest }) => {
      const words = rest.split(/\s+/);
      return { sources: words.slice(0, -1), target: words.at(-1) as string };
    });
}
