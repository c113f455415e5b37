/**
 * The call of a model that is under way, or the wait before it is made again.
 *
 * It has the words for both while they last. It draws nothing, and takes the time from the caller.
 */
import { duration } from "../text/durations.ts";
import type { Notice } from "../search/live-run.ts";
import type { Role } from "../search/events.ts";
import { plain } from "../text/plain.ts";

/** A shorter call is not shown. */
const shownAfterSeconds = 1;

export class CallWatch {
  readonly #seconds: () => number;
  #call: { readonly role: Role; readonly since: number; characters: number } | null = null;
  #wait: { readonly until: number; readonly reason: string } | null = null;

  constructor(seconds: () => number) {
    this.#seconds = seconds;
  }

  observe(notice: Notice): void {
    if (notice.kind === "asking") this.#call = { role: notice.role, since: this.#seconds(), characters: 0 };
    if (notice.kind === "waiting")
      this.#wait = { until: this.#seconds() + notice.seconds, reason: notice.reason };
    if (notice.kind === "recorded") {
      this.#call = null;
      this.#wait = null;
    }
  }

  /** A part of a reply has come. */
  writing(characters: number): void {
    if (this.#call !== null) this.#call.characters = characters;
  }

  /** What happens now; null where there is nothing to show. */
  words(): string | null {
    const now = this.#seconds();
    if (this.#wait !== null && now < this.#wait.until)
      return `waiting ${duration(this.#wait.until - now)} more: ${plain(this.#wait.reason)}`;
    if (this.#call === null || now - this.#call.since < shownAfterSeconds) return null;
    const { role, since, characters } = this.#call;
    const written = characters === 0 ? "" : `, ${characters} characters so far`;
    return `asking the ${role === "navigator" ? "Navigator" : "Generator"}, ${duration(now - since)}${written}`;
  }
}
