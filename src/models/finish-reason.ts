/**
 * What a finish reason means for a reply, in the words of many servers.
 *
 * A reply with a reason that is not in these lists counts as whole.
 */

/**
 * `whole`: nothing is missing. `cut`: the reply reached a limit on its length. `withheld`: the model or a filter withheld
 * the answer. `broken`: the server stopped before the model did, and asking again may give a whole reply.
 */
export type Ending = "whole" | "cut" | "withheld" | "broken";

/** Only letters, because spelling differs: `MAX_TOKENS`, `max-tokens` and `maxTokens` are one word. */
const words: Readonly<Record<Exclude<Ending, "whole">, ReadonlySet<string>>> = {
  cut: new Set([
    // OpenAI and most others.
    "length",
    // Gemini, Anthropic, TGI, watsonx, MiniMax, Mistral, Cohere.
    "maxtokens",
    "maxoutput",
    "maxoutputtokens",
    "maxlength",
    "tokenlimit",
    "modellength",
    "errorlimit",
    // Anthropic, Bedrock, GLM; LM Studio.
    "modelcontextwindowexceeded",
    "contextlengthreached",
    "maxpredictedtokensreached",
  ]),
  withheld: new Set([
    // OpenAI, Azure, Bedrock, Anthropic, GLM, Cohere.
    "contentfilter",
    "contentfiltered",
    "guardrailintervened",
    "refusal",
    "sensitive",
    "errortoxic",
    // Gemini, through gateways that keep its words.
    "safety",
    "imagesafety",
    "blocklist",
    "prohibitedcontent",
    "spii",
    "language",
    "modelarmor",
  ]),
  broken: new Set([
    // OpenRouter, Mistral, vLLM, Cohere, watsonx.
    "error",
    "timeout",
    "timelimit",
    "notfinished",
    "usercancel",
    // vLLM, SGLang; gateways that lost their client or their server.
    "abort",
    "aborted",
    "repetition",
    "cancel",
    "canceled",
    "cancelled",
    "disconnect",
    "disconnected",
    "interrupted",
    "incomplete",
    "inprogress",
    "failed",
    "failure",
    "internalerror",
    "servererror",
    "overloaded",
    // DeepSeek; GLM; Anthropic.
    "insufficientsystemresource",
    "networkerror",
    "pauseturn",
    // Ollama, when it only loaded or unloaded its model; LM Studio.
    "load",
    "unload",
    "modelunloaded",
    "userstopped",
    // Gemini, through gateways that keep its words; Bedrock.
    "recitation",
    "other",
    "malformedfunctioncall",
    "malformedresponse",
    "malformedmodeloutput",
    "malformedtooluse",
    "unexpectedtoolcall",
    "toomanytoolcalls",
    "missingthoughtsignature",
  ]),
};

/** What a reason means. @param reason null: the server gave none */
export function endingOf(reason: string | null): Ending {
  const word = lettersOf(reason ?? "");
  const kinds = ["broken", "withheld", "cut"] as const;
  return kinds.find((kind) => words[kind].has(word)) ?? "whole";
}

/** The reason in a member of a choice, or null: some servers write "null" into each piece of a stream before the last. */
export function reasonIn(value: unknown): string | null {
  if (typeof value !== "string") return null;
  return ["", "null", "none", "unspecified"].includes(lettersOf(value)) ? null : value;
}

/** The worse of two reasons for one end; the later reason where both mean the same. */
export function graver(before: string | null, later: string | null): string | null {
  if (before === null || later === null) return later ?? before;
  const order = ["whole", "cut", "withheld", "broken"];
  return order.indexOf(endingOf(before)) > order.indexOf(endingOf(later)) ? before : later;
}

// --- internal ---

/** Google puts the name of its enumeration in front of the reason. */
function lettersOf(reason: string): string {
  return reason
    .slice(0, 100)
    .toLowerCase()
    .replace(/[^a-z]/g, "")
    .replace(/^finishreason(?=.)/, "");
}
