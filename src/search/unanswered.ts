/**
 * Replies that have no answer, even if they have text.
 *
 * Owns that no role reads such a text. Knows no server: that a reply has no answer is a fact in the record, and after how many of
 * them a search gives up is state.ts's business.
 */
import type { ChatReply } from "./events.ts";
import type { Reading } from "./ports.ts";

/** What a role reads in a reply; where there is no answer in it, the reason for that. */
export function readReply<T>(reply: ChatReply, read: (reply: ChatReply) => Reading<T>): Reading<T> {
  return reply.unanswered === undefined ? read(reply) : { ok: false, reasons: [reply.unanswered.words] };
}
