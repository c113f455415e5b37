/**
 * Why a model server gave no reply: what happened, what the user does about it, and whether asking again can help.
 *
 * Also says whether the server may charge for the attempt. Answers that refuse the request are in refusal.ts. Sends
 * nothing, and does not decide how often to ask.
 */
import {
  BodyTooLarge,
  type Bounds,
  NotConnected,
  type RequestFailed,
  Stalled,
  TimedOut,
  Undecodable,
} from "./bounded-request.ts";
import { fieldsOf, toJson } from "../text/json.ts";
import type { Secrets } from "./secrets.ts";

/** Why an attempt gave no reply. */
export interface ChatFailure {
  /** What the server did. Continues a sentence that begins with the server's name. */
  readonly what: string;
  /** What the reader does about it. */
  readonly remedy: string;
  /** Whether asking again can help. A server that may not be a model API is asked less often than a busy one. */
  readonly again: "never" | "twice" | "often";
  /** How long the server asks to wait, in seconds; null: it does not say. */
  readonly wait: number | null;
  /** The server only asks to wait, and says how long: it did not fail. */
  readonly isPause: boolean;
  /** Whether the server may still charge for the attempt. */
  readonly isBilled: boolean;
  /** The part of the request that it objects to; null: nothing that can be asked in another way. */
  readonly objection: Objection | null;
}

/** What a server does not accept in the way it was asked. */
export interface Objection {
  /** The members of the request that it does not take and that may be left out. */
  readonly fields: readonly string[];
  /** Whether it may be about the form that was asked for. */
  readonly isAboutForm: boolean;
  /** The server's words, with the status. */
  readonly words: string;
}

/** What the sentences name: the request and its server. */
export interface Asked {
  readonly model: string;
  readonly keyVariable: string;
  readonly hasKey: boolean;
  readonly bounds: Bounds;
  /** Whether the base URL is an https address. */
  readonly isSecure: boolean;
  /** Whether the server has ever answered. */
  readonly hasAnswered: boolean;
  /** The time of day, ISO 8601 in UTC. */
  readonly now: string;
  readonly secrets: Secrets;
  /** The names of the members in the request's body. */
  readonly sent: readonly string[];
  /** The members that may be left out when the server does not take them. */
  readonly optional: readonly string[];
}

/** What most failures share: asking again does not help. */
export const final = {
  again: "never",
  wait: null,
  isPause: false,
  isBilled: false,
  objection: null,
} as const;

/** There was no whole answer: the connection failed, or an answer passed its bounds. */
export function connectionFailure({ why, wasReached }: RequestFailed, asked: Asked): ChatFailure {
  const { timeoutSeconds, idleSeconds, largestBytes } = asked.bounds;
  const again = { ...final, again: "often", isBilled: wasReached } as const;
  if (why instanceof BodyTooLarge) {
    return {
      ...final,
      what: `answered with more than ${largestBytes / 1024 / 1024} MB instead of a reply`,
      remedy: "check the base URL, and limit the length of replies (max tokens)",
      isBilled: true,
    };
  }
  if (why instanceof TimedOut) {
    return {
      ...again,
      what: `gave no whole reply within ${timeoutSeconds} s`,
      remedy: "check that it works, or raise the timeout if the model is only slow; then resume",
    };
  }
  if (why instanceof Stalled) {
    return {
      ...again,
      what: `began a reply and was silent for ${idleSeconds} s`,
      remedy: "check that it works, or raise model.idleSeconds if the model is only slow; then resume",
    };
  }
  if (why instanceof Undecodable) {
    return {
      ...notAModelApi(
        `answered in a compression that cannot be read (${asked.secrets.quoted(why.message)})`,
        true,
      ),
      remedy: "turn off the compression of answers there or in its proxy: none was asked for",
    };
  }
  // A server that has never answered is likely not there at all.
  const unreached = { ...again, again: asked.hasAnswered ? "often" : "twice" } as const;
  const remedy = "check that it is running and that the base URL is right, then resume";
  if (why instanceof NotConnected)
    return { ...unreached, what: `cannot be reached (${why.message})`, remedy };
  const code = asked.secrets.quoted("code" in why && typeof why.code === "string" ? why.code : why.message);
  if (/CERT|SIGNATURE|ERR_TLS/.test(code)) {
    return {
      ...final,
      what: `shows a certificate that is not trusted here (${code})`,
      remedy: "correct the base URL, or name the file of the certificate's authority in NODE_EXTRA_CA_CERTS",
    };
  }
  if (/^(HPE_|EPROTO|ERR_SSL)/.test(code)) {
    const [spoken, other] = asked.isSecure ? ["https", "http"] : ["http", "https"];
    return {
      ...notAModelApi(`does not speak the protocol of its base URL, ${spoken} (${code})`, false),
      remedy: `give the base URL with ${other}:// if the port speaks ${other}${asked.isSecure ? ", as most local servers do" : ""}; else check the base URL`,
    };
  }
  if (/^E[MN]FILE$/.test(code)) {
    return {
      ...again,
      what: `cannot be reached, because too many files are open here (${code})`,
      remedy: "raise the limit on open files (ulimit -n 4096), then resume",
    };
  }
  if (/ECONNRESET|EPIPE|ECONNABORTED/.test(code)) {
    // An https port may close a plain HTTP connection without an answer.
    const isUnsure = !asked.isSecure && !asked.hasAnswered;
    const hint = isUnsure ? "; if its port speaks https, give the base URL with https://" : "";
    return { ...again, what: `broke off the connection (${code})`, remedy: `${remedy}${hint}` };
  }
  return { ...unreached, what: `cannot be reached (${code})`, remedy };
}

/**
 * A reply that ended before it was whole.
 *
 * @param words the words of an error that came with it; empty: none did
 * @param reason the server's own reason for the end; empty: it gave none
 */
export function brokenOff(words: string, reason = ""): ChatFailure {
  const named = reason === "" ? "" : ` (finish reason "${reason}")`;
  return {
    ...final,
    what:
      words === ""
        ? `broke off the reply before its end${named}`
        : `broke off the reply with an error (${words})`,
    remedy: "check that it works, then resume",
    again: "often",
    isBilled: true,
  };
}

/** A completion with nothing in it. */
export const noChoice: ChatFailure = {
  ...final,
  what: "answered without a single choice",
  remedy: "try another model or another server",
  again: "twice",
  isBilled: true,
};

/** An answer that a model API does not give. */
export function notAModelApi(what: string, isBilled: boolean): ChatFailure {
  return {
    ...final,
    what,
    remedy: "this URL does not look like a model API; check the base URL, which often ends in /v1",
    again: "twice",
    isBilled,
  };
}

/** A request that could not be sent. */
export function notSent(error: unknown, secrets: Secrets): ChatFailure {
  const message = error instanceof Error ? error.message : String(error);
  return {
    ...final,
    what: `could not be asked (${secrets.quoted(message)})`,
    remedy: "check the model's settings",
  };
}

/** The sentence in an error, in any form that servers give it. */
export function wordsOfError(error: unknown): string {
  if (typeof error === "string") return error;
  const { message } = fieldsOf(error);
  return typeof message === "string" ? message : toJson(error);
}
