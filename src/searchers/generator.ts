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

/** How many lists and keys may stand around an architecture. */
const deepestWrapping = 4;

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
    const values = findJson(content);
    // What a model sets down as its answer counts; drafts on the way to it do not.
    const answer = values.findLast(
      (value) => isObject(value) && Array.isArray((value as Answer).architectures),
    );
    const found = (answer === undefined ? values : [(answer as Answer).architectures]).flatMap((value) =>
      candidatesIn(space, value),
    );
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
  const example = writeArchitecture(space, space.sample(randomStream(0, "example")), "choice");
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

interface Answer {
  readonly architectures?: unknown;
}

/** A list of architectures, one architecture, or an object that holds either under keys of its own. */
function candidatesIn(space: Space, value: unknown, levels = deepestWrapping): readonly unknown[] {
  if (levels === 0) return [];
  const heldBy = (object: object) =>
    Object.values(object).flatMap((member) =>
      Array.isArray(member) || isArchitecture(space, member) ? candidatesIn(space, member, levels - 1) : [],
    );
  if (Array.isArray(value)) {
    const list: readonly unknown[] = value;
    // A list without an architecture in it is a piece of one that was cut off, or something else altogether.
    if (!list.some((member) => isObject(member) || isText(space, member))) return [];
    return list.flatMap((member) => {
      const held = isObject(member) && !isArchitecture(space, member) ? heldBy(member) : [];
      return held.length > 0 ? held : [member];
    });
  }
  if (!isObject(value)) return [];
  if (isArchitecture(space, value)) return [value];
  const held = heldBy(value);
  // An object without any list is an architecture gone wrong: the Coordinator says how.
  return held.length > 0 || Object.values(value).some(Array.isArray) ? held : [value];
}

function isArchitecture(space: Space, value: unknown): boolean {
  return isObject(value) && space.description.dimensions.some(({ name }) => Object.hasOwn(value, name));
}

/** Whether `value` is text in a form of the space's, legal or not. */
function isText(space: Space, value: unknown): boolean {
  if (typeof value !== "string") return false;
  const parsed = space.parse(value);
  return parsed.ok || !parsed.rejections.some(({ code }) => code === "unreadable");
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
