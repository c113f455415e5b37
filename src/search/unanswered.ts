/**
 * Replies in which there is no answer to read, whatever text they hold.
 *
 * Owns that no role reads one, and whether asking once more in the same round can help. Knows no server: that a reply
 * has no answer is a fact in the record.
 */
import type { ChatReply } from "./events.ts";
import type { Reading } from "./ports.ts";

/** What a role reads in a reply; where there is no answer in it, the reason for that. */
export function readReply<T>(reply: ChatReply, read: (reply: ChatReply) => Reading<T>): Reading<T> {
  return reply.unanswered === undefined ? read(reply) : { ok: false, reasons: [reply.unanswered.words] };
}

/** Whether asking once more may bring an answer: who refuses a request refuses it again. */
export function isWorthAskingAgain({ unanswered }: ChatReply): boolean {
  return unanswered === undefined || unanswered.why === "in-thoughts";
}
