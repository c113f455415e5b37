/**
 * The Generator: turns a strategy into concrete architectures.
 *
 * It writes the role's prompt and reads its replies into raw candidates, with a count of the repairs. The role sees the
 * space, the problem and one strategy, and nothing of earlier rounds. The Coordinator judges the candidates.
 */
import type { ChatReply, SearchConfig } from "../search/events.ts";
import type { Prompt, Reading, Repairs } from "../search/ports.ts";
import { countRepairs, type RepairKind } from "../search/repairs.ts";
import type { Space } from "../search/space.ts";
import type { RunState } from "../search/state.ts";
import {
  answerForm,
  architecturesSchema,
  describeProblem,
  describeSpace,
  hasPromptExtras,
  sceneOf,
  textsOf,
} from "./prompts.ts";
import { isObject } from "../text/json.ts";
import { type Found, locateJson, repairsAround } from "./reply.ts";

/** How many lists and keys may be around an architecture. */
const deepestWrapping = 4;
/** The most candidates of a reply in which repairs are counted. A round takes far fewer. */
const mostCounted = 1_000;

/** The prompt for one round's architectures. */
export function generatorPrompt(state: RunState, space: Space, strategy: string): Prompt {
  return {
    system: systemPrompt(state, space),
    user: textsOf(state.search).generator.request(sceneOf(state, "generator"), strategy),
    schema: state.search.structured ? architecturesSchema(space, state.search.candidates) : null,
  };
}

/**
 * The form of answer that was asked for: JSON alone, one fence with the object that lists the architectures, or one
 * fence with architectures one after another. Text may come before a fence.
 */
export type AskedForm = "json" | "fence" | "sequence";

/** What the prompts of a search ask for. */
export function askedForm(search: Pick<SearchConfig, "structured" | "promptExtras">): AskedForm {
  if (search.structured) return "json";
  return hasPromptExtras(search) ? "fence" : "sequence";
}

/**
 * Raw candidates: the members of a list of architectures, or objects one after another.
 *
 * Nothing is completed and no value changes. What is not whole in the reply is not a candidate. Repairs of the form are
 * counted, compared with the form that was asked for.
 */
export function readArchitectures(
  space: Space,
  asked: AskedForm = "json",
): (reply: ChatReply) => Reading<readonly unknown[]> {
  return (reply) => {
    const text = answerIn(space, reply.content);
    return readFound(space, asked, reply, text, text.found);
  };
}

/** A reply without the thoughts before its answer, and the JSON in it. */
export interface AnswerText {
  readonly text: string;
  readonly found: readonly Found[];
  readonly hadThoughts: boolean;
}

/** The part of a reply that may hold the answer. Thoughts between tags are skipped where architectures follow them. */
export function answerIn(space: Space, content: string): AnswerText {
  const isWanted = (value: unknown) =>
    candidatesIn(space, isAnswer(value) ? value.architectures : value).some((each) =>
      isAnswer(value) ? isObject(each) : isWritten(space, each),
    );
  const last = [...content.matchAll(/<\/(?:think|thinking|thought|reasoning)>/gi)].at(-1);
  const text = last === undefined ? content : content.slice(last.index + last[0].length);
  const found = locateJson(text, isWanted);
  if (last === undefined) return { text, found, hadThoughts: false };
  if (found.some(({ value }) => isWanted(value))) return { text, found, hadThoughts: true };
  return { text: content, found: locateJson(content, isWanted), hadThoughts: false };
}

/** The candidates among `found`, which is all or part of what `answer` holds. */
export function readFound(
  space: Space,
  asked: AskedForm,
  { content, finishReason }: ChatReply,
  answer: AnswerText,
  found: readonly Found[],
): Reading<readonly unknown[]> {
  // The answer of a model counts, and not its drafts.
  const whole = found.findLast(({ value }) => isAnswer(value));
  const sources = (whole === undefined ? found : [whole]).map((each) => ({
    each,
    candidates: candidatesIn(space, isAnswer(each.value) ? each.value.architectures : each.value),
  }));
  const used = sources.filter(({ candidates }) => candidates.length > 0);
  const value = used.flatMap(({ candidates }) => candidates);
  if (value.length > 0) {
    const places = used.map(({ each }) => each);
    const repairs = new Map<RepairKind, number>();
    const once = (kinds: Iterable<RepairKind>) =>
      countRepairs(
        repairs,
        [...kinds].map((kind) => [kind, 1]),
      );
    if (answer.hadThoughts) once(["thinking"]);
    if (whole !== undefined && found.some((each) => each !== whole && isAnswer(each.value)))
      once(["earlier-answers"]);
    once(repairsAround(answer.text, places, asked !== "json"));
    once(new Set(places.flatMap((each) => shapeOf(space, asked, each, whole))));
    for (const each of places) countRepairs(repairs, each.repairs ?? []);
    for (const candidate of value.slice(0, mostCounted)) {
      const parsed = space.parse(candidate);
      if (parsed.ok) once(parsed.repairs);
    }
    return repairs.size === 0
      ? { ok: true, value }
      : { ok: true, value, repairs: Object.fromEntries(repairs) satisfies Repairs };
  }
  const names = space.description.dimensions.map(({ name }) => name);
  const cut = finishReason === "length" ? "; it was cut off by the length limit" : "";
  const what = content.trim() === "" ? "the reply is empty" : "no architecture could be found in the reply";
  return {
    ok: false,
    reasons: [
      `${what}${cut}; expected JSON like {"architectures": [{${names.map((name) => `"${name}": [...]`).join(", ")}}, ...]}`,
    ],
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
    Object.values(object).flatMap((member) => {
      if (!Array.isArray(member) && !isObject(member)) return [];
      const held = candidatesIn(space, member, levels - 1);
      return Array.isArray(member) || held.some((each) => isWritten(space, each)) ? held : [];
    });
  if (Array.isArray(value)) {
    const list: readonly unknown[] = value;
    // A list without an architecture is a piece of a list that was cut off, or something else.
    if (!list.some((member) => isObject(member) || isText(space, member))) return [];
    return list.flatMap((member) => {
      const held = isObject(member) && !isArchitecture(space, member) ? heldBy(member) : [];
      return held.length > 0 ? held : [member];
    });
  }
  if (!isObject(value)) return [];
  if (isArchitecture(space, value)) return [value];
  const held = heldBy(value);
  // An object without any list is a wrong architecture. The Coordinator says what is wrong.
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

/** How the value with the architectures differs from the one asked for. */
function shapeOf(
  space: Space,
  asked: AskedForm,
  { value, within }: Found,
  whole: Found | undefined,
): RepairKind[] {
  if (whole !== undefined) {
    const isWrapped = whole.value === value && isAnswer(value) && value.architectures.some(isWrapping);
    return isWrapped ? ["wrapped"] : [];
  }
  // The place of the members in a value that is not whole is not known.
  if (within !== undefined) return [];
  if (Array.isArray(value)) return value.some(isWrapping) ? ["bare-list", "wrapped"] : ["bare-list"];
  if (!isArchitecture(space, value)) return ["wrapped"];
  return asked === "sequence" ? [] : ["sequence"];

  function isWrapping(member: unknown): boolean {
    return isObject(member) && !isArchitecture(space, member) && candidatesIn(space, [member])[0] !== member;
  }
}

/** Whether `value` is meant as an architecture of the space, legal or not. */
function isWritten(space: Space, value: unknown): boolean {
  return isArchitecture(space, value) || isText(space, value);
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
