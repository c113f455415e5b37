/** What comes out of a reply about one of a few spaces: the legal architectures, and the reasons against each of the others. */
import type { ChatReply } from "../../src/search/events.ts";
import type { Space } from "../../src/search/space.ts";
import { readArchitectures } from "../../src/searchers/generator.ts";
import { tinySpace } from "./tiny-space.ts";
import { vectorSpaces } from "./vector-spaces.ts";

/** The spaces that replies are about. */
export const spaces: readonly (readonly [string, Space])[] = [["tiny", tinySpace()], ...vectorSpaces];

/** A reply that says this, and that its server told nothing else of. */
export function replied(content: string, finishReason = "stop"): ChatReply {
  return {
    model: "m",
    content,
    reasoning: null,
    finishReason,
    inputTokens: null,
    outputTokens: null,
    seconds: 0,
    failures: [],
  };
}

/** What comes out of a reply: the legal architectures, and the reasons against each of the others. */
export function judged(space: Space, candidates: readonly unknown[]) {
  const parsed = candidates.map((each) => space.parse(each));
  return {
    legal: parsed.flatMap((each) => (each.ok ? [each.architecture] : [])),
    refused: parsed.flatMap((each) => (each.ok ? [] : [each.rejections])),
  };
}

export function read(space: Space, content: string) {
  const reading = readArchitectures(space)(replied(content));
  return judged(space, reading.ok ? reading.value : []);
}
