/**
 * Keeps roles from reading a reply that has no answer, even if it has text.
 *
 * That a reply has no answer is a fact in the record. progress.ts decides after how many of them a search gives up.
 */
import type { ChatReply } from "./events.ts";
import type { Reading } from "./ports.ts";

/** What a role reads in a reply; the reason, where there is no answer in it. */
export function readReply<T>(reply: ChatReply, read: (reply: ChatReply) => Reading<T>): Reading<T> {
  return reply.unanswered === undefined ? read(reply) : { ok: false, reasons: [reply.unanswered.words] };
}
