/**
 * The Generator: turns a strategy into concrete architectures.
 *
 * Owns its prompt and the reading of its replies into raw candidates. Sees the space, the problem and one strategy,
 * and nothing of earlier rounds. Judging the candidates is the Coordinator's business.
 */
import type { ChatReply } from "../search/events.ts";
import type { Prompt, Reading } from "../search/ports.ts";
import { randomStream } from "../search/random.ts";
import type { Space } from "../search/space.ts";
import type { RunState } from "../search/state.ts";
import { architecturesSchema, describeProblem, describeSpace, writeArchitecture } from "./prompts.ts";
import { findJson } from "./reply.ts";

/** What a rule-following Generator needs in place of prose. */
export interface GeneratorBrief {
  readonly role: "generator";
  readonly space: Space;
  readonly strategy: string;
  readonly min: number;
  readonly max: number;
}

/** The prompt for one round's architectures. */
export function generatorPrompt(state: RunState, space: Space, strategy: string): Prompt {
  const { min, max } = state.search.candidates;
  return {
    system: systemPrompt(state, space),
    user: [
      "Here is the strategy for this round:",
      `<strategy>\n${strategy}\n</strategy>`,
      `Give ${min} to ${max} architectures that follow it. Each must be complete and valid, and no two may be the same.`,
    ].join("\n\n"),
    schema: state.search.structured ? architecturesSchema(space, state.search.candidates) : null,
    brief: { role: "generator", space, strategy, min, max } satisfies GeneratorBrief,
  };
}

/** Raw candidates: the members of a list of architectures, or objects that stand one after another. */
export function readArchitectures(space: Space): (reply: ChatReply) => Reading<readonly unknown[]> {
  const names = space.description.dimensions.map(({ name }) => name);
  return ({ content, finishReason }) => {
    const found = findJson(content).flatMap((value) => candidatesIn(value, names));
    if (found.length > 0) return { ok: true, value: found };
    const cut = finishReason === "length" ? "; it was cut off by the length limit" : "";
    const what = content.trim() === "" ? "the reply is empty" : "no architecture could be found in the reply";
    return {
      ok: false,
      reasons: [
        `${what}${cut}; expected JSON like {"architectures": [{${names.map((name) => `"${name}": [...]`).join(", ")}}, ...]}`,
      ],
    };
  };
}

// --- internal ---

function systemPrompt(state: RunState, space: Space): string {
  const { min, max } = state.search.candidates;
  const example = writeArchitecture(space, space.sample(randomStream(0, "example")));
  const whole = `{"architectures": [${example}, ...]}`;
  const form = state.search.structured
    ? `Answer with one JSON object and nothing else, of this form:\n\n${whole}`
    : `You may think aloud first. Then give the architectures in one fenced block of JSON, of this form:\n\n\`\`\`json\n${whole}\n\`\`\``;
  return [
    "You are the Generator of a neural architecture search: you turn a strategy, written by a Navigator, into concrete architectures that are then evaluated.",
    describeProblem(state),
    describeSpace(space),
    [
      "# How to work",
      "1. Read the strategy: which slots and choices it favours, in which shares, what it wants combined and what avoided.",
      `2. Write ${min} to ${max} architectures that realise it, different from each other and spread over everything the strategy asks for.`,
      "3. Check each: every key there, every list of the right length, every entry one of the choices, likely within the limit.",
    ].join("\n"),
    ["# What to write", form, "The example shows the form only; its choices mean nothing."].join("\n\n"),
  ].join("\n\n");
}

function candidatesIn(value: unknown, names: readonly string[]): readonly unknown[] {
  // A list without an object in it is a piece of an architecture that was cut off.
  if (Array.isArray(value)) return value.some((member) => isObject(member)) ? value : [];
  if (!isObject(value)) return [];
  if (names.some((name) => Object.hasOwn(value, name))) return [value];
  const lists = Object.values(value).filter(Array.isArray);
  return lists.length === 0 ? [value] : lists.length === 1 ? (lists[0] as unknown[]) : [];
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
