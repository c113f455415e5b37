/**
 * The output modes: ways to make a server keep to the form of an answer, from the strictest to none.
 *
 * Has the form of a request in each mode, the small question that shows whether a server honours a mode, and which mode
 * is in use. Makes no call itself: the caller asks and passes the result on.
 */
import type { Message, Probe, Role, OutputMode } from "../search/events.ts";
import { isObject, parseJson } from "../text/json.ts";
import { endingOf } from "./finish-reason.ts";

type Schema = Readonly<Record<string, unknown>>;

/** An output mode, and whether the schema is also sent to the server outside the words of the prompt. */
export interface Step {
  readonly outputMode: OutputMode;
  readonly sendsSchema: boolean;
}

/** Some servers refuse a schema with `json_object`: without the schema they still promise JSON. */
const steps: readonly Step[] = [
  { outputMode: "json-schema", sendsSchema: true },
  { outputMode: "json-object", sendsSchema: true },
  { outputMode: "json-object", sendsSchema: false },
  { outputMode: "text", sendsSchema: false },
];

/** Which step is in use. */
export class OutputModes {
  readonly #allowed: readonly Step[];
  #step: Step | null;
  #isProven: boolean;

  /**
   * @param forced the only output mode that may be used; null: all
   * @param known the output mode that was found out earlier; null: none
   */
  constructor(forced: OutputMode | null, known: OutputMode | null) {
    this.#allowed = forced === null ? steps : steps.filter(({ outputMode }) => outputMode === forced);
    const start = forced ?? known;
    this.#step = start === null ? null : this.#from(start);
    this.#isProven = this.#step !== null;
  }

  /** The step in use; null: nothing is known yet. */
  get step(): Step | null {
    return this.#step;
  }

  get top(): Step {
    return this.#allowed[0] as Step;
  }

  /** The next step down, or the next step of another output mode; null: there is none. */
  below(step: Step, isAnotherMode = false): Step | null {
    const rest = this.#allowed.slice(this.#allowed.indexOf(step) + 1);
    return rest.find(({ outputMode }) => !isAnotherMode || outputMode !== step.outputMode) ?? null;
  }

  /** Uses a step that a small question found out. */
  settle(step: Step): void {
    this.#step = step;
  }

  /** Uses a step in which a real request was answered. */
  prove(step: Step): void {
    this.#step = step;
    this.#isProven = true;
  }

  /** Forgets what small questions found out. What a real request has proved is kept. */
  doubt(): void {
    if (!this.#isProven) this.#step = null;
  }

  #from(outputMode: OutputMode): Step | null {
    return this.#allowed.find((step) => step.outputMode === outputMode) ?? null;
  }
}

/** The part of a request that asks for a form. */
export interface Form {
  readonly messages: readonly Message[];
  /** Null: the form is asked for in words only. */
  readonly responseFormat: Readonly<Record<string, unknown>> | null;
}

/** How a reply under a schema is asked for in a step. */
export function formOf(step: Step, role: Role, messages: readonly Message[], schema: Schema): Form {
  const responseFormat = formatOf(step, `${role}_reply`, schema);
  return {
    messages: step.outputMode === "json-schema" ? messages : withWords(messages, schema),
    responseFormat,
  };
}

// ----- The small question -----

/** The longest answer to the small question, thinking included, in tokens. */
export const longestProbeTokens = 1_024;

const token = "zebra-41";
const probeSchema: Schema = {
  type: "object",
  properties: { token: { type: "string", enum: [token] } },
  required: ["token"],
  additionalProperties: false,
};

/** A question whose free answer is a greeting: only a server that honours the form answers anything else. */
export function probeForm(step: Step): Form {
  // Some servers want the word JSON somewhere in a request for an object.
  const words = step.outputMode === "json-schema" ? "" : " Plain words are fine; JSON is not needed.";
  const content = `Say hello in one short, friendly sentence.${words}`;
  return {
    messages: [{ role: "user", content }],
    responseFormat: formatOf(step, probeName, probeSchema),
  };
}

/** The name of the small question's schema. */
export const probeName = "form_check";

/** What the answer to the small question shows. @param content the answer, without thoughts */
export function findingOf(
  step: Step,
  content: string,
  finishReason: string | null,
): Pick<Probe, "finding" | "words"> {
  const text = content.trim();
  const value = parseJson(text);
  const isUnderSchema = isObject(value) && Object.keys(value).length === 1 && value["token"] === token;
  if (isUnderSchema) return { finding: "honoured", words: "the answer follows the schema" };
  if (isObject(value) && step.outputMode === "json-object") {
    const rest = step.sendsSchema ? ", but does not follow the schema sent with it" : "";
    return { finding: "honoured", words: `the answer is JSON${rest}` };
  }
  if (endingOf(finishReason) === "withheld")
    return { finding: "unclear", words: "the answer was withheld by the server" };
  if (finishReason === "length") return { finding: "unclear", words: "the answer was cut off by its length" };
  if (text === "") return { finding: "unclear", words: "the answer is empty" };
  return { finding: "ignored", words: `the answer is free: ${text.slice(0, 200)}` };
}

/** Whether a reply that should be JSON clearly is not. Fences and words around JSON are allowed here. */
export function isPlainlyNoJson(content: string): boolean {
  return content.trim() !== "" && !/[{[]/.test(content);
}

// --- internal ---

function formatOf({ outputMode, sendsSchema }: Step, name: string, schema: Schema): Form["responseFormat"] {
  switch (outputMode) {
    case "json-schema":
      return { type: "json_schema", json_schema: { name, strict: true, schema } };
    case "json-object":
      return { type: "json_object", ...(sendsSchema ? { schema } : {}) };
    case "text":
      return null;
  }
}

/** The conversation with the form in words at the end of the last request. */
function withWords(messages: readonly Message[], schema: Schema): readonly Message[] {
  const words = `Answer only with JSON that follows this JSON Schema:\n${JSON.stringify(schema)}`;
  const last = messages.findLastIndex(({ role }) => role === "user");
  if (last === -1) return [...messages, { role: "user", content: words }];
  return messages.map((message, index) =>
    index === last ? { ...message, content: `${message.content}\n\n${words}` } : message,
  );
}
