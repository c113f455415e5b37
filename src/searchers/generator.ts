/**
 * The Generator: turns a strategy into concrete architectures.
 *
 * Owns its prompt and the reading of its replies into raw candidates. Sees the space, the problem and one strategy,
 * and nothing of earlier rounds. Judging the candidates is the Coordinator's business.
 */
import type { ChatReply } from "../search/events.ts";
import type { Prompt, Reading } from "../search/ports.ts";
import type { Space } from "../search/space.ts";
import type { RunState } from "../search/state.ts";
import {
  answerForm,
  architecturesSchema,
  describeProblem,
  describeSpace,
  sceneOf,
  textsOf,
} from "./prompts.ts";
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
    user: textsOf(state.search).generator.request(sceneOf(state, "generator"), strategy),
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
    const answer = values.findLast(isAnswer);
    const found = (answer === undefined ? values : [answer.architectures]).flatMap((value) =>
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

/** An object that lists architectures under the name asked for. */
export function isAnswer(value: unknown): value is { readonly architectures: readonly unknown[] } {
  return isObject(value) && "architectures" in value && Array.isArray(value.architectures);
}

/** A list of architectures, one architecture, or an object that holds either under keys of its own. */
export function candidatesIn(space: Space, value: unknown, levels = deepestWrapping): readonly unknown[] {
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

// --- internal ---

function systemPrompt(state: RunState, space: Space): string {
  const { generator } = textsOf(state.search);
  const scene = sceneOf(state, "generator");
  return [
    generator.role,
    describeProblem(state),
    describeSpace(space),
    generator.work(scene),
    generator.answer(scene, answerForm(state, space)),
  ].join("\n\n");
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
