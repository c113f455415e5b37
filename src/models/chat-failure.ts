/**
 * What it means when a model server gives no reply.
 *
 * Owns the sentence for each refusal and failure, what its reader does about it, whether and when asking again can
 * help, and whether the server may charge for it. Sends nothing, and does not decide how often to ask.
 */
import { fieldsOf, parseJson } from "./json.ts";
import {
  BodyTooLarge,
  largestBody,
  NotConnected,
  type PostFailed,
  Stalled,
  TimedOut,
  Undecodable,
} from "./http-post.ts";
import { isHtml, type Secrets } from "./secrets.ts";

/** Why an attempt gave no reply. */
export interface ChatFailure {
  /** What the server did: the rest of a sentence that begins with its name. */
  readonly what: string;
  /** What the reader does about it. */
  readonly remedy: string;
  /** Whether asking again can help: a server that is no model API is asked less often than one that is busy. */
  readonly again: "never" | "twice" | "often";
  /** How long the server asks to wait, in seconds; null: it does not say. */
  readonly wait: number | null;
  /** It only asks to wait, and says how long: no failure of the server. */
  readonly isPause: boolean;
  /** Whether the server may charge for it all the same. */
  readonly isBilled: boolean;
  /** What of the request it objects to; null: nothing that can be asked otherwise. */
  readonly objection: Objection | null;
}

/** What a server has against the way it was asked. */
export interface Objection {
  /** The members of the request that it does not take, of those that may be left out. */
  readonly fields: readonly string[];
  /** Whether it may be about the form that was asked for. */
  readonly isAboutForm: boolean;
  /** The server's words, with the status. */
  readonly words: string;
}

/** What the sentences name. */
export interface Asked {
  readonly model: string;
  readonly keyVariable: string;
  readonly hasKey: boolean;
  readonly timeoutSeconds: number;
  readonly idleSeconds: number;
  /** Whether the base URL is one of https. */
  readonly isSecure: boolean;
  /** Whether the server has ever answered. */
  readonly hasAnswered: boolean;
  /** The time of day, ISO 8601 in UTC. */
  readonly now: string;
  readonly secrets: Secrets;
  /** The names in the request's body. */
  readonly sent: readonly string[];
  /** Those of them that may be left out when the server does not take them. */
  readonly optional: readonly string[];
}

const once = { again: "never", wait: null, isPause: false, isBilled: false, objection: null } as const;

/** An answer with a status that is no success. */
export function refusal(status: number, headers: Headers, body: string, asked: Asked): ChatFailure {
  const { model, keyVariable, hasKey, secrets } = asked;
  const words = secrets.quoted(wordsOf(body));
  const said = words === "" ? `${status}` : `${status}: ${words}`;
  const told = errorOf(body);
  if (isWithheld(told, body)) {
    return {
      ...once,
      what: `refuses the words of the request (${said})`,
      remedy: "put the task in other words (task), or use another model or server",
    };
  }
  if (status === 400 && wantsHttps.test(body.slice(0, longestSearch))) {
    return {
      ...once,
      what: `speaks https, not http, at this address (${said})`,
      remedy: "give the base URL with https://",
    };
  }
  if (status === 401) {
    return {
      ...once,
      what: hasKey
        ? `refuses the key in ${keyVariable} (${said})`
        : `wants a key, and none was given (${said})`,
      remedy: `set ${keyVariable} to a valid key`,
    };
  }
  if (status === 403) {
    const caller = hasKey ? `the key in ${keyVariable}` : "callers without a key";
    return {
      ...once,
      what: `does not let ${caller} use model "${model}" (${said})`,
      remedy: `set ${keyVariable} to a key that may use it`,
    };
  }
  if (status === 404) {
    return {
      ...once,
      what: `has no model "${model}", or is no model API at this address (${said})`,
      remedy: "correct the model's name or the base URL, which often ends in /v1",
    };
  }
  if (status >= 300 && status < 400) {
    const location = (headers.get("location") ?? "").replace(/(\/chat\/completions)?([?#].*)?$/, "");
    const target = secrets.quoted(location);
    return {
      ...once,
      what: `sends requests on to ${target === "" ? "nowhere" : target} (${said})`,
      remedy: "give the address that answers itself as the base URL",
    };
  }
  const wait = askedWait(headers, told, asked.now);
  if (status === 402 || (status === 429 && isOutOfMoney(told, body, wait))) {
    return {
      ...once,
      what: `says that ${hasKey ? `the account of the key in ${keyVariable}` : "the account"} is out of credit (${said})`,
      remedy: "add credit or raise the account's limit, or use another key or server, then resume",
    };
  }
  const window = status === 429 ? null : windowOf(status, told, body);
  if (window !== null) {
    const size = window.tokens === null ? "the size of that window in tokens" : `${window.tokens}`;
    return {
      ...once,
      what: `refuses the request as too long for the context of model "${model}" (${said})`,
      remedy: `set model.contextTokens to ${size}, so that older rounds are told in short, or lower max tokens or the candidates a round`,
    };
  }
  const isOutage = status === 408 || status === 409 || status === 429 || status >= 500;
  const isObjection =
    status === 400 || status === 422 || (status === 500 && validation.test(body.slice(0, longestSearch)));
  const objection = isObjection ? objectionOf(told, body, said, asked) : null;
  if (isOutage) {
    return {
      what: status === 429 ? `asks to slow down (${said})` : `failed (${said})`,
      remedy: "see that it is well and that your limits with it allow more, then resume",
      again: headers.get("x-should-retry") === "false" ? "never" : "often",
      wait,
      isPause: status === 429 && wait !== null,
      isBilled: false,
      objection,
    };
  }
  return {
    ...once,
    what: `refuses the request for model "${model}" (${said})`,
    remedy: "change what it objects to, or the model",
    objection,
  };
}

/** No whole answer at all. */
export function broken({ why, wasReached }: PostFailed, asked: Asked): ChatFailure {
  const again = { ...once, again: "often", isBilled: wasReached } as const;
  if (why instanceof BodyTooLarge) {
    return {
      ...once,
      what: `answered with more than ${largestBody / 1024 / 1024} MB instead of a reply`,
      remedy: "check the base URL, and limit the length of replies (max tokens)",
      isBilled: true,
    };
  }
  if (why instanceof TimedOut) {
    return {
      ...again,
      what: `gave no whole reply within ${asked.timeoutSeconds} s`,
      remedy: "see that it is well, or raise the timeout if the model is only slow; then resume",
    };
  }
  if (why instanceof Stalled) {
    return {
      ...again,
      what: `began a reply and was silent for ${asked.idleSeconds} s`,
      remedy: "see that it is well, or raise model.idleSeconds if the model is only slow; then resume",
    };
  }
  if (why instanceof Undecodable) {
    return {
      ...noReply(
        `answered in a compression that cannot be read (${asked.secrets.quoted(why.message)})`,
        true,
      ),
      remedy: "turn off the compression of answers there, or in the proxy before it: none was asked for",
    };
  }
  // A server that has never answered is likely not there at all.
  const unreached = { ...again, again: asked.hasAnswered ? "often" : "twice" } as const;
  const remedy = "see that it is running and that the base URL is right, then resume";
  if (why instanceof NotConnected)
    return { ...unreached, what: `cannot be reached (${why.message})`, remedy };
  const code = asked.secrets.quoted("code" in why && typeof why.code === "string" ? why.code : why.message);
  if (/CERT|SIGNATURE|ERR_TLS/.test(code)) {
    return {
      ...once,
      what: `shows a certificate that is not trusted here (${code})`,
      remedy: "correct the base URL, or name the certificate's authority in NODE_EXTRA_CA_CERTS",
    };
  }
  if (/^(HPE_|EPROTO|ERR_SSL)/.test(code)) {
    const [spoken, other] = asked.isSecure ? ["https", "http"] : ["http", "https"];
    return {
      ...noReply(`does not speak the protocol of its base URL, ${spoken} (${code})`, false),
      remedy: `give the base URL with ${other}:// if that is what the port speaks${asked.isSecure ? ", as most local servers do" : ""}; else check the base URL`,
    };
  }
  if (/^E[MN]FILE$/.test(code)) {
    return {
      ...again,
      what: `cannot be reached, for too many files are open here (${code})`,
      remedy: "raise the limit on open files (ulimit -n 4096), then resume",
    };
  }
  if (/ECONNRESET|EPIPE|ECONNABORTED/.test(code)) {
    // A port of https may close a connection of plain HTTP without an answer.
    const isUnsure = !asked.isSecure && !asked.hasAnswered;
    const hint = isUnsure ? "; if its port speaks https, give the base URL with https://" : "";
    return { ...again, what: `broke off the connection (${code})`, remedy: `${remedy}${hint}` };
  }
  return { ...unreached, what: `cannot be reached (${code})`, remedy };
}

/**
 * A reply that ended before it was whole, or says so of itself. `words` are those of an error that came with it, and
 * `reason` what the server names as its end; empty where there is none.
 */
export function brokenOff(words: string, reason = ""): ChatFailure {
  const named = reason === "" ? "" : ` (finish reason "${reason}")`;
  return {
    ...once,
    what:
      words === ""
        ? `broke off the reply before its end${named}`
        : `broke off the reply with an error (${words})`,
    remedy: "see that it is well, then resume",
    again: "often",
    isBilled: true,
  };
}

/** A completion without anything in it. */
export const noChoice: ChatFailure = {
  ...once,
  what: "answered without a single choice",
  remedy: "try another model or another server",
  again: "twice",
  isBilled: true,
};

/** An answer that a model API does not give. */
export function noReply(what: string, isBilled: boolean): ChatFailure {
  return {
    ...once,
    what,
    remedy: "this URL does not look like a model API; check the base URL, which often ends in /v1",
    again: "twice",
    isBilled,
  };
}

/** A request that could not be made. */
export function cannotAsk(error: unknown, secrets: Secrets): ChatFailure {
  const message = error instanceof Error ? error.message : String(error);
  return {
    ...once,
    what: `could not be asked (${secrets.quoted(message)})`,
    remedy: "check the model's settings",
  };
}

/** The sentence in an error of any of the forms that servers give it. */
export function wordsOfError(error: unknown): string {
  if (typeof error === "string") return error;
  const { message } = fieldsOf(error);
  return typeof message === "string" ? message : (JSON.stringify(error) ?? "");
}

// --- internal ---

/** Words are looked for in so much of a body. */
const longestSearch = 20_000;

/** How servers word that a request is not of the form they know. */
const validation =
  /validation|literal_error|value_error|type_error|extra_forbidden|input should be|['"]loc['"]/i;
const formWords = /response_format|json_?schema|json_?object|json schema|schema|grammar|guided|structured/i;
const unknownWords =
  /unsupported|(not|n't) (be )?support|unknown|unrecogni[sz]ed|unexpected|extra_forbidden|extra inputs|not permitted|not allowed|cannot find field|no such/i;
/** What nginx and Go answer to plain HTTP at a port of https. */
const wantsHttps = /plain HTTP request was sent to HTTPS port|HTTP request to an HTTPS server/i;
/** Some models take a narrower range than the API. */
const rangeWords = /range|less than or equal|at most|between|must be (<|≤)/i;

/** The error in a body: Google puts it into a list, vLLM of old and SGLang give it bare. */
function errorOf(body: string): Readonly<Record<string, unknown>> {
  const value = parseJson(body);
  const first = fieldsOf(Array.isArray(value) ? (value as unknown[])[0] : value);
  const { error } = first;
  return typeof error === "object" && error !== null ? (error as Record<string, unknown>) : first;
}

function wordsOf(body: string): string {
  const value = parseJson(body);
  if (value === undefined || value === null) return body;
  if (typeof value === "string") return value;
  const first = Array.isArray(value) ? (value as unknown[])[0] : value;
  const { error } = fieldsOf(first);
  return wordsOfError(error ?? first);
}

function objectionOf(
  told: Readonly<Record<string, unknown>>,
  body: string,
  words: string,
  { sent, optional }: Asked,
): Objection {
  // Some quote the whole of what they were sent, in which every name stands.
  const text = body.slice(0, longestSearch).replace(/['"]input['"]\s*:\s*\{[^]*$/, "");
  const param = typeof told["param"] === "string" ? told["param"] : "";
  const isOutOfRange = rangeWords.test(text);
  const isUnknown = unknownWords.test(`${text} ${String(told["code"])}`);
  const mayGo = (name: string) => isUnknown || (name === "temperature" && isOutOfRange);
  const named = optional.includes(param) ? [param] : optional.filter((name) => names(text, name));
  const fields = named.filter(mayGo);
  const isForm = formWords.test(text);
  const isAnother =
    (param !== "" && !/^(response_format|messages)/.test(param)) ||
    sent.some((name) => name !== "model" && name !== "messages" && isQuoted(text, name));
  return { fields, isAboutForm: isForm || !isAnother, words };
}

/** Whether a text holds a name as a word of its own. */
function names(text: string, name: string): boolean {
  return new RegExp(`(^|[^A-Za-z0-9_])${name}([^A-Za-z0-9_]|$)`).test(text);
}

/** Whether a text holds a name in quotation marks, or as the subject of a message. */
function isQuoted(text: string, name: string): boolean {
  const plain = name.replace(/[^A-Za-z0-9_]/g, "\\$&");
  return new RegExp(`['"\`]${plain}(\\\\?['"\`]|:)`).test(text);
}

/** Whether a request was too long for the model's window, and how long that is. */
function windowOf(
  status: number,
  told: Readonly<Record<string, unknown>>,
  body: string,
): { readonly tokens: number | null } | null {
  if (status < 400) return null;
  const text = body.slice(0, longestSearch);
  const isIt =
    /maximum context length|context[ _](size|length|window)|n_ctx|context_length_exceeded/i.test(text) ||
    (/too long|too many (input )?tokens/i.test(text) && !formWords.test(text));
  if (!isIt) return null;
  const number = "(\\d[\\d,_]*)";
  const places = [
    `context (?:length|size|window)\\D{0,20}${number}`,
    `n_ctx\\D{0,5}${number}`,
    `> ${number}(?: tokens)? maximum`,
  ];
  const found = places.map((place) => new RegExp(place, "i").exec(text)?.[1]).find((each) => each);
  const counted = typeof told["n_ctx"] === "number" ? told["n_ctx"] : Number(found?.replace(/[,_]/g, ""));
  return { tokens: Number.isSafeInteger(counted) && counted > 0 ? counted : null };
}

/** Whether a filter took offence at the prompt: Azure, OpenAI, Qwen, OpenRouter. */
function isWithheld(told: Readonly<Record<string, unknown>>, body: string): boolean {
  const codes = [told["code"], told["type"], fieldsOf(told["innererror"])["code"]];
  const isCode = (code: unknown) =>
    typeof code === "string" &&
    /^(content_filter|content_policy_violation|data_inspection_failed|ResponsibleAIPolicyViolation)$/i.test(
      code,
    );
  const isModerated = /requires moderation/i.test(body.slice(0, longestSearch));
  return codes.some(isCode) || isModerated;
}

/** Google words a limit by the minute as one of the plan and its billing, but says when it is over. */
function isOutOfMoney(told: Readonly<Record<string, unknown>>, body: string, wait: number | null): boolean {
  const { code, type, status } = told;
  if ([code, type].some((each) => typeof each === "string" && /insufficient_quota|billing/.test(each)))
    return true;
  if (wait !== null || status === "RESOURCE_EXHAUSTED") return false;
  return /insufficient[_ ](quota|balance|credit|fund)|billing|credit balance|out of credit/i.test(
    body.slice(0, longestSearch),
  );
}

/** The wait that a server asks for. A date is read against the server's own clock where it tells the time. */
function askedWait(headers: Headers, told: Readonly<Record<string, unknown>>, now: string): number | null {
  const milliseconds = headers.get("retry-after-ms") ?? "";
  const after = headers.get("retry-after") ?? "";
  const number = /^\s*\d+(\.\d+)?\s*$/;
  const seconds = number.test(milliseconds)
    ? Number(milliseconds) / 1_000
    : number.test(after)
      ? Number(after)
      : /[a-z]{3}/i.test(after)
        ? (Date.parse(after) - Date.parse(headers.get("date") ?? now)) / 1_000
        : retryDelay(told);
  return Number.isFinite(seconds) && seconds > 0 ? seconds : null;
}

/** Google says it in the body, as "34.5s". */
function retryDelay({ details }: Readonly<Record<string, unknown>>): number {
  const delays = (Array.isArray(details) ? (details as unknown[]) : []).map(
    (detail) => fieldsOf(detail)["retryDelay"],
  );
  const found = delays.find((delay) => typeof delay === "string");
  return Number(/^(\d+(\.\d+)?)s$/.exec(found ?? "")?.[1] ?? Number.NaN);
}

/** Whether a body that should be a reply is a web page. */
export function pageOrElse(body: string): string {
  return isHtml(body) ? "an HTML page" : "something else";
}
