/**
 * Both roles played in memory, in any space and without a language model: a strategy of a few words, and architectures
 * drawn evenly from the schema that an answer is asked for under.
 *
 * Owns what is said. The same request is always answered alike. It learns nothing. Where no schema is asked for it needs
 * the space.
 */
import type { Role } from "../../src/search/events.ts";
import type { ChatRequest } from "../../src/search/ports.ts";
import { pick, type Random, randomStream } from "../../src/search/random.ts";
import type { Space } from "../../src/search/space.ts";
import { ScriptedChat } from "./scripted-chat.ts";

/** What the players are called wherever a model is named. */
export const playedLabel = "played in memory";

/** So many architectures are proposed where no schema says how many. */
const withoutSchema = 6;

/** One player a role, each with its own list of requests. */
export function playedRoles(space?: Space): Record<Role, ScriptedChat> {
  const player = () => new ScriptedChat((request) => playedReply(request, space), playedLabel);
  return { navigator: player(), generator: player() };
}

/** What a player answers. */
export function playedReply({ role, round, schema, seed }: ChatRequest, space?: Space): string {
  const strategy = `## Summary\nLook at everything once more in round ${round}.`;
  const random = randomStream(seed, "played");
  if (schema !== null) return JSON.stringify(drawn(schema, random, strategy));
  if (role === "navigator" || space === undefined) return strategy;
  const architectures = Array.from({ length: withoutSchema }, () => space.toObject(space.sample(random)));
  return `${strategy}\n\`\`\`json\n${JSON.stringify({ architectures })}\n\`\`\``;
}

// --- internal ---

/** As much of a JSON Schema as the prompts use. */
interface Schema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly maxItems?: number;
}

function drawn(schema: Schema, random: Random, words: string): unknown {
  if (schema.enum !== undefined) return pick(random, schema.enum);
  switch (schema.type) {
    case "object":
      return Object.fromEntries(
        Object.entries(schema.properties ?? {}).map(([name, each]) => [name, drawn(each, random, words)]),
      );
    case "array":
      return Array.from({ length: schema.maxItems ?? 0 }, () => drawn(schema.items ?? {}, random, words));
    case "string":
      return words;
    default:
      throw new Error(`a schema that cannot be played: ${JSON.stringify(schema)}`);
  }
}
