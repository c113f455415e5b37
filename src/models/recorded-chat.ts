/**
 * Answers requests from the record of an earlier run, as a ChatModel.
 *
 * A request finds its reply by the exact prompt, else by its place in the run. The first reply that is found by its place
 * has a note that says why the prompts differ. Nothing is paid for, and no time passes.
 */
import { ChatUnavailable, Interrupted } from "../errors.ts";
import { digestOf } from "../search/digest.ts";
import type { ChatReply, Message, Role, RunEvent, SearchConfig } from "../search/events.ts";
import type { ChatModel, ChatRequest } from "../search/ports.ts";
import { applyEvent } from "../search/fold.ts";
import type { RunState } from "../search/state.ts";
import { cutTo } from "../text/words.ts";

const longestQuote = 80;

/** The present search, as far as its prompts can differ from the recorded ones. */
export interface PresentSearch {
  readonly search: SearchConfig;
  readonly space: { readonly id: string; readonly digest: string };
}

/** Settings that are in no prompt. */
const notInPrompts: ReadonlySet<string> = new Set([
  "patienceSeconds",
  "stallRounds",
  "giveUpAfter",
  "caps",
  "bounds",
  "onTruncation",
  "redrawsEquivalent",
  "oracle",
]);

/** The requests and replies of both roles of a run. */
export class RecordedChat {
  readonly #run: string;
  readonly #models: RunState["models"];
  /** Replies by their prompt, in the order of the run. */
  readonly #byContent = new Map<string, Recorded[]>();
  /** Replies by their place in the run, for prompts in other words. */
  readonly #byPlace = new Map<string, Recorded[]>();

  /** Why the prompts differ from the recorded prompts, one phrase for each reason. */
  readonly #differences: readonly string[];
  #isNoted = false;

  /**
   * @param run the name of the record, for messages
   * @param present the present search; absent: not known
   */
  constructor(events: readonly RunEvent[], run: string, present?: PresentSearch) {
    this.#run = run;
    let state: RunState | null = null;
    for (const event of events) {
      if (event.type === "chat-replied") {
        const before = state?.transcripts[event.role] ?? [];
        const messages = [...before.slice(before.length - event.carried), ...event.added];
        const recorded = { messages, reply: event.reply, place: placeOf(event) };
        put(this.#byContent, contentKey(event.role, messages), recorded);
        put(this.#byPlace, recorded.place, recorded);
      }
      state = applyEvent(state, event);
    }
    this.#models = state?.models ?? null;
    this.#differences = state === null || present === undefined ? [] : differencesOf(state, present);
  }

  /** The model that played a role in the record, with its recorded replies. */
  player(role: Role): ChatModel {
    const label = `${this.#models?.[role] ?? "no model"}, recorded in ${this.#run}`;
    return { label, reply: async (request, signal) => this.#reply(request, signal) };
  }

  #reply(request: ChatRequest, signal: AbortSignal): ChatReply {
    if (signal.aborted) throw new Interrupted("stopped on request");
    const { role, round, messages } = request;
    const same = next(this.#byContent.get(contentKey(role, messages)));
    const found = same ?? next(this.#byPlace.get(placeOf(request)));
    if (found === undefined) {
      throw new ChatUnavailable(
        `the record of ${this.#run} holds no reply of the ${role} for round ${round}: record a longer run, or ask for fewer rounds or a smaller budget`,
      );
    }
    const { model, content, reasoning, finishReason, inputTokens, outputTokens, unanswered } = found.reply;
    return {
      model,
      content,
      reasoning,
      finishReason,
      inputTokens,
      outputTokens,
      seconds: 0,
      failures: [],
      ...(unanswered === undefined ? {} : { unanswered }),
      ...(same === undefined ? this.#noteOnce(found.messages, messages) : {}),
    };
  }

  #noteOnce(recorded: readonly Message[], asked: readonly Message[]): { readonly notes?: string[] } {
    if (this.#isNoted) return {};
    this.#isNoted = true;
    const what = this.#differences.length === 0 ? changeIn(recorded, asked) : this.#differences.join("; ");
    return {
      notes: [
        `The prompts differ from those of ${this.#run}, so replies are found by their place in the record: ${what}.`,
      ],
    };
  }
}

// --- internal ---

interface Recorded {
  readonly messages: readonly Message[];
  readonly reply: ChatReply;
  readonly place: string;
}

type Place = { readonly role: Role; readonly round: number; readonly attempt: number };

function placeOf({ role, round, attempt }: Place): string {
  return `${role} ${round} ${attempt}`;
}

function contentKey(role: Role, messages: readonly Message[]): string {
  return digestOf([role, messages]);
}

function put(map: Map<string, Recorded[]>, key: string, recorded: Recorded): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [recorded]);
  else list.push(recorded);
}

/** Takes the first reply and puts it at the end of the list: a prompt that is asked again gets the next of its replies. */
function next(list: Recorded[] | undefined): Recorded | undefined {
  const first = list?.shift();
  if (first !== undefined) list?.push(first);
  return first;
}

/** Every setting that has another value in the present search. */
function differencesOf({ search, space, original }: RunState, present: PresentSearch): string[] {
  const there: Readonly<Record<string, unknown>> = { ...search };
  const here: Readonly<Record<string, unknown>> = { ...present.search };
  const names = [...new Set([...Object.keys(here), ...Object.keys(there)])].filter(
    (name) => !notInPrompts.has(name),
  );
  const { id, digest } = original ?? space;
  const spaces =
    id !== present.space.id
      ? [`space is "${id}" there and "${present.space.id}" here`]
      : digest !== present.space.digest
        ? [`space "${id}" has other data here`]
        : [];
  const words = (value: unknown) =>
    (value ?? null) === null ? "unset" : cutTo(JSON.stringify(value), longestQuote);
  return [
    ...spaces,
    ...names
      .filter((name) => digestOf(there[name] ?? null) !== digestOf(here[name] ?? null))
      .map((name) => `${name} is ${words(there[name])} there and ${words(here[name])} here`),
  ];
}

/** The first place at which the prompts differ. */
function changeIn(recorded: readonly Message[], asked: readonly Message[]): string {
  const [before, now] = [recorded, asked].map((messages) =>
    messages.map(({ content }) => content).join("\n"),
  );
  let at = 0;
  while (at < (before?.length ?? 0) && before?.[at] === now?.[at]) at += 1;
  const quote = (text = "") => JSON.stringify(text.slice(at, at + longestQuote));
  return `no setting is known to differ, but from character ${at} on it was ${quote(before)} and is ${quote(now)}`;
}
