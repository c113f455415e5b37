/**
 * What it means when a model server refuses a request: the failure for each status and for the words that come with it.
 *
 * Servers word the same refusal in many ways; this file has their words. Every text that is shown is free of secrets.
 */
import { type Asked, type ChatFailure, type Objection, final, wordsOfError } from "./chat-failure.ts";
import { fieldsOf, parseJson } from "../text/json.ts";
import type { Refused } from "./openai-client.ts";

/** Reads an answer whose status is not a success. */
export function refusalFailure({ status, headers, body }: Refused, asked: Asked): ChatFailure {
  const { model, keyVariable, hasKey, secrets } = asked;
  const words = secrets.quoted(wordsOf(body));
  const said = words === "" ? `${status}` : `${status}: ${words}`;
  const error = errorOf(body);
  if (isWithheld(error, body)) {
    return {
      ...final,
      what: `refuses the words of the request (${said})`,
      remedy: "put the task into other words (task), or use another model or server",
    };
  }
  if (status === 400 && wantsHttps.test(body.slice(0, longestSearch))) {
    return {
      ...final,
      what: `speaks https, not http, at this address (${said})`,
      remedy: "give the base URL with https://",
    };
  }
  if (status === 401) {
    return {
      ...final,
      what: hasKey
        ? `refuses the key in ${keyVariable} (${said})`
        : `wants a key, and none was given (${said})`,
      remedy: `set ${keyVariable} to a valid key`,
    };
  }
  if (status === 403) {
    const caller = hasKey ? `the key in ${keyVariable}` : "callers without a key";
    return {
      ...final,
      what: `does not let ${caller} use model "${model}" (${said})`,
      remedy: `set ${keyVariable} to a key that may use it`,
    };
  }
  if (status === 404) {
    return {
      ...final,
      what: `has no model "${model}", or there is no model API at this address (${said})`,
      remedy: "correct the model's name or the base URL, which often ends in /v1",
    };
  }
  if (status >= 300 && status < 400) {
    const location = (headers.get("location") ?? "").replace(/(\/chat\/completions)?([?#].*)?$/, "");
    const target = secrets.quoted(location);
    return {
      ...final,
      what: `redirects requests to ${target === "" ? "nowhere" : target} (${said})`,
      remedy: "give an address that does not redirect as the base URL",
    };
  }
  const wait = askedWait(headers, error, asked.now);
  if (status === 402 || (status === 429 && isOutOfMoney(error, body, wait))) {
    return {
      ...final,
      what: `says that ${hasKey ? `the account of the key in ${keyVariable}` : "the account"} is out of credit (${said})`,
      remedy: "add credit or raise the account's limit, or use another key or server, then resume",
    };
  }
  const window = status === 429 ? null : windowOf(status, error, body);
  if (window !== null) {
    const size = window.tokens === null ? "the size of that window in tokens" : `${window.tokens}`;
    return {
      ...final,
      what: `refuses the request as too long for the context of model "${model}" (${said})`,
      remedy: `set model.contextTokens to ${size}, so that older rounds are shortened, or lower max tokens or the candidates per round`,
    };
  }
  const isOutage = status === 408 || status === 409 || status === 429 || status >= 500;
  const isObjection =
    status === 400 || status === 422 || (status === 500 && validation.test(body.slice(0, longestSearch)));
  const objection = isObjection ? objectionOf(error, body, said, asked) : null;
  if (isOutage) {
    return {
      what: status === 429 ? `asks to slow down (${said})` : `failed (${said})`,
      remedy: "check that it works and that your limits with it allow more, then resume",
      again: headers.get("x-should-retry") === "false" ? "never" : "often",
      wait,
      isPause: status === 429 && wait !== null,
      isBilled: false,
      objection,
    };
  }
  return {
    ...final,
    what: `refuses the request for model "${model}" (${said})`,
    remedy: "change what it objects to, or use another model",
    objection,
  };
}

// --- internal ---

/** Words are looked for in the first part of a body, in characters. */
const longestSearch = 20_000;

/** How servers say that a request does not have the form they know. */
const validation =
  /validation|literal_error|value_error|type_error|extra_forbidden|input should be|['"]loc['"]/i;
const formWords = /response_format|json_?schema|json_?object|json schema|schema|grammar|guided|structured/i;
const unknownWords =
  /unsupported|(not|n't) (be )?support|unknown|unrecogni[sz]ed|unexpected|extra_forbidden|extra inputs|not permitted|not allowed|cannot find field|no such/i;
/** What nginx and Go answer to plain HTTP at an https port. */
const wantsHttps = /plain HTTP request was sent to HTTPS port|HTTP request to an HTTPS server/i;
/** Some models accept a narrower range than the API. */
const rangeWords = /range|less than or equal|at most|between|must be (<|≤)/i;

/** The error in a body. Google puts it into a list; old vLLM and SGLang send it as the whole body. */
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
  error: Readonly<Record<string, unknown>>,
  body: string,
  words: string,
  { sent, optional }: Asked,
): Objection {
  // Some servers quote the whole request, and it has every name in it.
  const text = body.slice(0, longestSearch).replace(/['"]input['"]\s*:\s*\{[^]*$/, "");
  const param = typeof error["param"] === "string" ? error["param"] : "";
  const isOutOfRange = rangeWords.test(text);
  const isUnknown = unknownWords.test(`${text} ${String(error["code"])}`);
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

/** Whether a request was too long for the model's window, and the size of the window. */
function windowOf(
  status: number,
  error: Readonly<Record<string, unknown>>,
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
  const counted = typeof error["n_ctx"] === "number" ? error["n_ctx"] : Number(found?.replace(/[,_]/g, ""));
  return { tokens: Number.isSafeInteger(counted) && counted > 0 ? counted : null };
}

/** Whether a filter refused the words of the prompt: Azure, OpenAI, Qwen, OpenRouter. */
function isWithheld(error: Readonly<Record<string, unknown>>, body: string): boolean {
  const codes = [error["code"], error["type"], fieldsOf(error["innererror"])["code"]];
  const isCode = (code: unknown) =>
    typeof code === "string" &&
    /^(content_filter|content_policy_violation|data_inspection_failed|ResponsibleAIPolicyViolation)$/i.test(
      code,
    );
  const isModerated = /requires moderation/i.test(body.slice(0, longestSearch));
  return codes.some(isCode) || isModerated;
}

/** Google describes a limit by the minute as one of the plan and its billing, but says when it is over. */
function isOutOfMoney(error: Readonly<Record<string, unknown>>, body: string, wait: number | null): boolean {
  const { code, type, status } = error;
  if ([code, type].some((each) => typeof each === "string" && /insufficient_quota|billing/.test(each)))
    return true;
  if (wait !== null || status === "RESOURCE_EXHAUSTED") return false;
  return /insufficient[_ ](quota|balance|credit|fund)|billing|credit balance|out of credit/i.test(
    body.slice(0, longestSearch),
  );
}

/** The wait that a server asks for. A date is compared with the server's own clock where it sends the time. */
function askedWait(headers: Headers, error: Readonly<Record<string, unknown>>, now: string): number | null {
  const milliseconds = headers.get("retry-after-ms") ?? "";
  const after = headers.get("retry-after") ?? "";
  const number = /^\s*\d+(\.\d+)?\s*$/;
  const seconds = number.test(milliseconds)
    ? Number(milliseconds) / 1_000
    : number.test(after)
      ? Number(after)
      : /[a-z]{3}/i.test(after)
        ? (Date.parse(after) - Date.parse(headers.get("date") ?? now)) / 1_000
        : retryDelay(error);
  return Number.isFinite(seconds) && seconds > 0 ? seconds : null;
}

/** Google puts the wait into the body, as "34.5s". */
function retryDelay({ details }: Readonly<Record<string, unknown>>): number {
  const delays = (Array.isArray(details) ? (details as unknown[]) : []).map(
    (detail) => fieldsOf(detail)["retryDelay"],
  );
  const found = delays.find((delay) => typeof delay === "string");
  return Number(/^(\d+(\.\d+)?)s$/.exec(found ?? "")?.[1] ?? Number.NaN);
}
