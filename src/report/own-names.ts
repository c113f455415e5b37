/**
 * Translates the architectures of a run into the own names of its space, where the search was blind to them.
 *
 * Texts that are no architecture of the space are left out. search/blind.ts translates a text.
 */
import { blindSpace, reveal } from "../search/blind.ts";
import { digestOf } from "../search/digest.ts";
import type { Architecture } from "../search/architecture.ts";
import { Space } from "../search/space.ts";
import type { RunState } from "../search/state.ts";
import { spaceOf } from "./study.ts";

/** Translates canonical texts of a run; null: its blind space is not the one that this version makes. */
export function ownNames({ original, space, search }: RunState): ((text: string) => string) | null {
  if (original === undefined) return (text) => text;
  if (digestOf(blindSpace(original, search.seed)) !== digestOf(space)) return null;
  return reveal(original, search.seed);
}

/** Reads canonical texts of a run as architectures of its space; null: it is none, or cannot be translated. */
export function architectureReader(state: RunState): (text: string) => Architecture | null {
  const [seen, space] = [new Space(state.space), new Space(spaceOf(state))];
  const open = ownNames(state);
  return (text) => {
    const parsed = open === null || !seen.parse(text).ok ? null : space.parse(open(text));
    return parsed?.ok === true ? parsed.architecture : null;
  };
}
