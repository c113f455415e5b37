/**
 * Why a reply ended, in the words of many servers, and what that means for the reply.
 *
 * Owns the words. Knows no request and no text. A word that is not known here says nothing against a reply.
 */

/**
 * `whole`: nothing is missing. `cut`: it reached a limit on its length. `withheld`: the model or a filter kept the
 * answer back. `broken`: the server stopped before the model had ended, and asking again may bring the rest.
 */
export type Ending = "whole" | "cut" | "withheld" | "broken";

/** Letters alone, for spelling differs: `MAX_TOKENS`, `max-tokens` and `maxTokens` are one word. */
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
    // Gemini, through gateways that pass its words on.
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
    // vLLM, SGLang; gateways that lost their own client or server.
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
    // Ollama that only loaded or unloaded its model; LM Studio.
    "load",
    "unload",
    "modelunloaded",
    "userstopped",
    // Gemini, through gateways that pass its words on; Bedrock.
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

/** What a reason means; null: the server gave none. */
export function endingOf(reason: string | null): Ending {
  const word = lettersOf(reason ?? "");
  const kinds = ["broken", "withheld", "cut"] as const;
  return kinds.find((kind) => words[kind].has(word)) ?? "whole";
}

/** The reason in a member of a choice, or null: some write "null" into every piece of a stream until there is one. */
export function reasonIn(value: unknown): string | null {
  if (typeof value !== "string") return null;
  return ["", "null", "none", "unspecified"].includes(lettersOf(value)) ? null : value;
}

/** Of two reasons for one end the worse one for the reply; the later one where they are alike. */
export function graver(before: string | null, later: string | null): string | null {
  if (before === null || later === null) return later ?? before;
  const order = ["whole", "cut", "withheld", "broken"];
  return order.indexOf(endingOf(before)) > order.indexOf(endingOf(later)) ? before : later;
}

// --- internal ---

/** Google's enumerations carry their own name in front. */
function lettersOf(reason: string): string {
  return reason
    .slice(0, 100)
    .toLowerCase()
    .replace(/[^a-z]/g, "")
    .replace(/^finishreason(?=.)/, "");
}
