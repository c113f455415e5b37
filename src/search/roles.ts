/**
 * Asks a role: sends the conversation, records the reply, and tries once more for a reply that cannot be read.
 *
 * It keeps every call within the caps and the model's window. No prompt's content and no server is known here.
 */
import { ChatUnavailable, UsageError } from "../errors.ts";
import { digestOf } from "./digest.ts";
import type { ChatReply, Message, Role } from "./events.ts";
import type { LiveRun } from "./live-run.ts";
import type { ChatModel, Prompt, Reading } from "./ports.ts";
import { attemptsWithin, capInTheWay, fitsWindow, reservationOf } from "./spend.ts";
import { transcript } from "./conversation.ts";
import type { RunState } from "./state.ts";
import { cutBy, cutWords } from "./truncation.ts";
import { readReply } from "./unanswered.ts";

/** The models that play the roles; null for searchers that ask no role. */
export type Models = Readonly<Record<Role, ChatModel>> | null;

export class Roles {
  readonly #run: LiveRun;
  readonly #models: Models;
  readonly #searcher: string;

  /** @param searcher its name, for messages */
  constructor(run: LiveRun, models: Models, searcher: string) {
    this.#run = run;
    this.#models = models;
    this.#searcher = searcher;
  }

  /** What `read` returns for the reply; null where no reply could be read, or a cap leaves no room to ask. */
  async ask<T>(
    round: number,
    role: Role,
    prompt: Prompt,
    read: (reply: ChatReply) => Reading<T>,
  ): Promise<T | null> {
    const model = this.#models?.[role];
    if (model === undefined)
      throw new UsageError(`searcher "${this.#searcher}" asks the ${role}, but no model was set up`);
    let { carried, added, condensed } = this.#conversation(role, prompt);
    for (const attempt of [1, 2]) {
      const call = { role, round, attempt, carried, added, condensed, prompt };
      const reply = await this.#call(model, call);
      if (reply === null) return null;
      const reading = readReply(reply, read);
      if (reading.ok) {
        const repairs = reading.repairs ?? {};
        if (Object.keys(repairs).length > 0)
          await this.#run.record({ type: "reply-repaired", role, round, attempt, repairs: { ...repairs } });
        return reading.value;
      }
      await this.#run.record({ type: "reply-rejected", role, round, attempt, reasons: [...reading.reasons] });
      carried = [...carried, ...added, { role: "assistant", content: reply.content }];
      added = [{ role: "user", content: askAgain(reading.reasons) }];
      condensed = false;
      if (!fitsWindow(this.#run.state, role, [...carried, ...added])) return null;
    }
    return null;
  }

  /** The messages to send with a prompt: the conversation so far, unless it no longer fits the model's window. */
  #conversation(role: Role, prompt: Prompt): Pick<Call, "carried" | "added" | "condensed"> {
    const carried = this.#run.state.search.memory[role] ? [...transcript(this.#run.state, role)] : [];
    const asked: Message = { role: "user", content: prompt.user };
    const opening: Message = { role: "system", content: prompt.system };
    if (carried.length === 0) return { carried, added: [opening, asked], condensed: false };
    if (!this.#isToBeShortened(role) && fitsWindow(this.#run.state, role, [...carried, asked]))
      return { carried, added: [asked], condensed: false };
    const content = prompt.condensed ?? prompt.user;
    return { carried: [], added: [opening, { ...asked, content }], condensed: true };
  }

  /** Whether the server cut the conversation, so that a new one begins. */
  #isToBeShortened(role: Role): boolean {
    const last = this.#run.state.chats.findLast((chat) => chat.role === role);
    return this.#run.state.search.onTruncation?.[role] === "shorten" && (last?.truncatedTo ?? null) !== null;
  }

  /** One reply, recorded; null when a cap leaves no room for it. */
  async #call(
    model: ChatModel,
    { role, round, attempt, carried, added, condensed, prompt }: Call,
  ): Promise<ChatReply | null> {
    this.#run.throwIfStopped();
    if (this.#run.state.capReached !== null) return null;
    if (this.#run.isTimeUp()) {
      await this.#run.recordTimeUp();
      return null;
    }
    const { schema } = prompt;
    const messages = [...carried, ...added];
    const label = prompt.label === undefined ? [] : [prompt.label];
    const identity = [this.#run.state.search.seed, role, round, attempt, ...label];
    const seed = Number.parseInt(digestOf(identity).slice(0, 7), 16);
    const reserved = reservationOf(this.#run.state, role, messages, schema);
    const isInTheWay = async (needed: typeof reserved | null) => {
      const cap = capInTheWay(this.#run.state, role, needed);
      if (cap !== null) await this.#run.record({ type: "cap-reached", round, ...cap });
      return cap !== null;
    };
    if (await isInTheWay(reserved)) return null;
    const mostBilled = attemptsWithin(this.#run.state, role, reserved);
    const request = { role, round, attempt, messages, schema, seed };
    const noted = hasTokenCap(this.#run.state) ? { reserved } : {};
    this.#run.observe({ kind: "asking", role, attempt });
    let reply: ChatReply;
    try {
      reply = await model.reply(
        Number.isFinite(mostBilled) ? { ...request, mostBilled } : request,
        this.#run.signal,
      );
    } catch (error) {
      if (this.#run.isEndOfTime(error)) {
        await this.#run.recordTimeUp();
        return null;
      }
      if (!(error instanceof ChatUnavailable)) throw error;
      const { failures, billed, seconds } = error.spent;
      await this.#run.record({
        type: "chat-failed",
        role,
        round,
        attempt,
        failures: [...failures],
        billed,
        ...noted,
        seconds,
      });
      if (await isInTheWay(reserved)) return null;
      throw error;
    }
    const truncated = cutBy(this.#run.state, role, messages, carried.length === 0, reply);
    await this.#run.record({
      type: "chat-replied",
      role,
      round,
      attempt,
      added,
      carried: carried.length,
      ...(condensed ? { condensed } : {}),
      request: digestOf({ messages, schema, seed }),
      ...noted,
      reply,
      ...(truncated === null ? {} : { truncated }),
    });
    // The reply is paid for: it is used, and nothing more is asked.
    await isInTheWay(null);
    if (truncated !== null) this.#stopIfCut(role, truncated.promptTokens, carried.length === 0);
    return reply;
  }

  /** @throws ChatUnavailable unless a new conversation can begin, or a person has resumed the run since then */
  #stopIfCut(role: Role, promptTokens: number, isFirst: boolean): void {
    if (this.#run.state.promptLimits[role] === null) return;
    const isShort = this.#run.state.search.onTruncation?.[role] === "shorten";
    if (!isShort || isFirst) throw new ChatUnavailable(cutWords(role, promptTokens, isShort));
  }
}

/** The message to a role whose reply could not be read. */
export function askAgain(reasons: readonly string[]): string {
  const list = reasons.map((reason) => `- ${reason}`).join("\n");
  return `Your last reply could not be used:\n${list}\n\nAnswer the same request again, complete and in the form asked for, with these points corrected.`;
}

// --- internal ---

/** A request before it is made. */
interface Call {
  readonly role: Role;
  readonly round: number;
  readonly attempt: number;
  readonly carried: readonly Message[];
  readonly added: Message[];
  readonly condensed: boolean;
  readonly prompt: Prompt;
}

function hasTokenCap({ search: { caps } }: RunState): boolean {
  return caps?.tokens !== undefined || caps?.usd !== undefined;
}
