/**
 * What a small language model says, under a constraint and without one.
 *
 * Owns the words: an answer drawn from a JSON Schema, as constrained decoding gives it, and the answers of a model that
 * nothing holds to a form, which greets, writes prose and puts JSON into fences. Knows of the searched space what
 * stands in the prompt, and of HTTP nothing.
 */
import { pick, type Random } from "../../../src/search/random.ts";
import { type ChatBody, strategyText } from "../model-server.ts";
import { numberOr, type Schema } from "../schema-values.ts";

/** How the form of an answer is enforced: to a schema, to any JSON object, or not at all. */
export type Constraint =
  | { readonly kind: "schema"; readonly schema: Schema }
  | { readonly kind: "object" }
  | { readonly kind: "none" };

/** What the model answers to a conversation under a constraint. */
export function speak(messages: ChatBody["messages"], constraint: Constraint, random: Random): string {
  if (constraint.kind === "schema") return JSON.stringify(answerBySchema(constraint.schema, random));
  const prompt = (messages ?? []).map((message) => textOf(message["content"])).join("\n\n");
  const value = valueFor(prompt, random);
  if (constraint.kind === "object")
    return JSON.stringify(value ?? { greeting: greeting, helpful: true }, null, 2);
  if (value !== null)
    return `${openings[random.below(openings.length)]}\n\n\`\`\`json\n${JSON.stringify(value, null, 2)}\n\`\`\`\n\nLet me know if you would like further ones!`;
  return prompt.includes("strategy") ? strategyText(random) : greeting;
}

/**
 * A random value of a schema, drawn without a look at what was asked.
 *
 * @throws Error for a keyword that it cannot honour: nobody enforces what he does not know
 */
function answerBySchema(schema: Schema, random: Random): unknown {
  return drawn(schema, schema, random);
}

/** Calls `see` for a schema and each one inside it, with its place in the form that Google's errors use. */
export function eachSchema(schema: Schema, see: (schema: Schema, place: string) => void, place = ""): void {
  see(schema, place);
  const inside = (value: unknown, at: string) => {
    if (typeof value === "object" && value !== null) eachSchema(value as Schema, see, at);
  };
  for (const group of ["properties", "$defs", "definitions"])
    for (const [index, member] of Object.values((schema[group] ?? {}) as Schema).entries())
      inside(member, `${place}.${group}[${index}].value`);
  for (const group of ["anyOf", "oneOf", "prefixItems"])
    for (const [index, member] of ((schema[group] ?? []) as unknown[]).entries())
      inside(member, `${place}.${group}[${index}]`);
  inside(schema["items"], `${place}.items`);
}

/** About as many tokens as a text has. */
export function tokensIn(text: string): number {
  return Math.ceil(text.length / 4);
}

// --- internal ---

const greeting = "Hello! How can I help you today?";

const openings = [
  "Sure! Here are the architectures you asked for:",
  "Certainly. Following the strategy, I suggest:",
  "Let's work through it. The early slots get more capacity, the late ones less. My proposals:",
];

const understood = new Set(
  (
    "$schema $id $defs definitions $ref title description default examples type enum const anyOf oneOf properties " +
    "required additionalProperties items prefixItems minItems maxItems minimum maximum minLength maxLength"
  ).split(" "),
);

function drawn(schema: Schema, root: Schema, random: Random): unknown {
  const strange = Object.keys(schema).find((keyword) => !understood.has(keyword));
  if (strange !== undefined) throw new Error(`cannot constrain an answer by "${strange}"`);
  if (typeof schema["$ref"] === "string") return drawn(target(schema["$ref"], root), root, random);
  if ("const" in schema) return schema["const"];
  if (Array.isArray(schema["enum"])) return pick(random, schema["enum"] as unknown[]);
  const options = schema["anyOf"] ?? schema["oneOf"];
  if (Array.isArray(options)) return drawn(pick(random, options as Schema[]), root, random);
  const types =
    schema["type"] ?? ("properties" in schema ? "object" : "items" in schema ? "array" : "string");
  switch (Array.isArray(types) ? pick(random, types as unknown[]) : types) {
    case "object": {
      const required = new Set((schema["required"] ?? []) as string[]);
      const properties = Object.entries((schema["properties"] ?? {}) as Record<string, Schema>);
      return Object.fromEntries(
        properties
          .filter(([name]) => required.has(name) || random.below(2) === 1)
          .map(([name, property]) => [name, drawn(property, root, random)]),
      );
    }
    case "array": {
      const fixed = (schema["prefixItems"] ?? []) as Schema[];
      const least = Math.max(numberOr(schema["minItems"], 0), fixed.length);
      const most = Math.max(numberOr(schema["maxItems"], least + 3), least);
      const items = (schema["items"] ?? {}) as Schema;
      const length = least + random.below(most - least + 1);
      return Array.from({ length }, (_, index) => drawn(fixed[index] ?? items, root, random));
    }
    case "integer":
    case "number": {
      const low = Math.ceil(numberOr(schema["minimum"], numberOr(schema["maximum"], 1000) - 1000));
      const high = Math.floor(numberOr(schema["maximum"], low + 1000));
      return low + random.below(Math.max(1, high - low + 1));
    }
    case "boolean":
      return random.below(2) === 1;
    case "null":
      return null;
    default: {
      const least = numberOr(schema["minLength"], 1);
      const length = least + random.below(Math.max(1, numberOr(schema["maxLength"], least + 60) - least + 1));
      return Array.from({ length }, () => pick(random, "abcdefghij klmnop ".split(""))).join("");
    }
  }
}

/** The schema that "#/$defs/name" points to. */
function target(reference: string, root: Schema): Schema {
  const steps = reference.replace(/^#\/?/, "").split("/");
  return steps.reduce((at, step) => (step === "" ? at : (at[step] as Schema)), root);
}

/** The JSON that a prompt asks for: by a schema in its text, or in words; null where it asks for none. */
function valueFor(prompt: string, random: Random): unknown {
  const dimensions = [
    ...prompt.matchAll(/^## `(\w+)`: (one slot,|(\d+) slots, each) (?:one of|always) (.+)$/gm),
  ];
  if (dimensions.length > 0 && prompt.includes('"architectures"')) {
    const architecture = () =>
      Object.fromEntries(
        dimensions.map((found) => {
          const [, name = "", , slots = "1", choices = ""] = found;
          const rest = prompt.slice((found.index ?? 0) + found[0].length).split("\n## ")[0] ?? "";
          const nested = /Written as \d+ lists, one a group, of (\d+) slots each/.exec(rest)?.[1];
          const list = Array.from({ length: Number(slots) }, () =>
            choiceOf(pick(random, choices.split(", "))),
          );
          return [name, nested === undefined ? list : inGroups(list, Number(nested))];
        }),
      );
    return { architectures: Array.from({ length: 8 }, architecture) };
  }
  const schema = schemaIn(prompt);
  return schema === null ? null : answerBySchema(schema, random);
}

function choiceOf(text: string): string | number {
  return Number.isNaN(Number(text)) ? text : Number(text);
}

function inGroups<T>(list: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, group) =>
    list.slice(group * size, (group + 1) * size),
  );
}

/** The first JSON Schema of an object that stands in a text. */
function schemaIn(text: string): Schema | null {
  for (let start = text.indexOf("{"); start !== -1; start = text.indexOf("{", start + 1)) {
    for (let end = text.indexOf("}", start); end !== -1; end = text.indexOf("}", end + 1)) {
      try {
        const value = JSON.parse(text.slice(start, end + 1)) as Schema;
        if (typeof value["properties"] === "object") return value;
        break;
      } catch {
        // Not whole yet, or no JSON at all.
      }
    }
  }
  return null;
}

function textOf(content: unknown): string {
  return typeof content === "string" ? content : JSON.stringify(content ?? "");
}
