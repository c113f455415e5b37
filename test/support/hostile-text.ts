/**
 * Values full of text that a terminal obeys, made from schemas: a field that a schema gains is in them by itself.
 *
 * Owns the text, and how a schema of zod or a message of the contract is filled with it. Knows no event and no command.
 */
import { z } from "zod";

const range = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, at) => String.fromCodePoint(first + at));

/** What must not reach a terminal; line feed and tab may. */
export const forbidden: readonly string[] = [
  ...range(0, 8),
  ...range(0x0b, 0x1f),
  ...range(0x7f, 0x9f),
  "\u00ad",
  "\u034f",
  "\u061c",
  "\u115f",
  "\u180e",
  ...range(0x200b, 0x200f),
  ...range(0x2028, 0x202e),
  ...range(0x2060, 0x206f),
  "\u3164",
  "\ufeff",
  "\uffa0",
  ...range(0xfff9, 0xfffb),
  "\u{e0001}",
  "\u{e0041}",
];

/** Writes to the clipboard, clears the screen, hides, turns and breaks what it stands in; its letters are harmless. */
export const hostile = `vi\u001b]52;c;aGk=\u0007\u001b[2J\u001b[31m\u009b8m${forbidden.join("")}sible`;

/** What of `forbidden` stands in a text. */
export function forbiddenIn(text: string): string[] {
  return forbidden.filter((character) => text.includes(character)).map((each) => JSON.stringify(each));
}

/** Values that stand in for a field of this name, wherever it is. */
export type Overrides = Readonly<Record<string, unknown>>;

/**
 * Values of a schema with every member there and hostile text wherever it allows any text; as many as it takes for each
 * branch of a union to occur.
 */
export function hostileValues(schema: z.ZodType, overrides: Overrides = {}): unknown[] {
  if (schema instanceof z.ZodObject) {
    const members = Object.entries(schema.shape as Record<string, z.ZodType>).map(
      ([key, member]) =>
        [key, Object.hasOwn(overrides, key) ? [overrides[key]] : hostileValues(member, overrides)] as const,
    );
    const count = Math.max(1, ...members.map(([, values]) => values.length));
    return Array.from({ length: count }, (_, at) =>
      Object.fromEntries(members.map(([key, values]) => [key, values[at % values.length]])),
    );
  }
  if (schema instanceof z.ZodArray) return [hostileValues(schema.element as z.ZodType, overrides)];
  if (schema instanceof z.ZodRecord)
    return hostileValues(schema.valueType as z.ZodType, overrides).map((value) => ({ [hostile]: value }));
  if (schema instanceof z.ZodUnion)
    return (schema.options as readonly z.ZodType[]).flatMap((option) => hostileValues(option, overrides));
  if (schema instanceof z.ZodEnum) return schema.options;
  if (schema instanceof z.ZodLiteral) return [...schema.values];
  if (schema instanceof z.ZodUnknown) return [hostile];
  if (
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodExactOptional ||
    schema instanceof z.ZodDefault
  )
    return hostileValues(schema.unwrap() as z.ZodType, overrides);
  // A name or a time allows no such text.
  const candidates = [hostile, "name", "2026-01-01T00:00:00.000Z", 1, true];
  const fitting = candidates.find((candidate) => schema.safeParse(candidate).success);
  if (fitting === undefined) throw new Error(`nothing fits a schema of type ${schema.type}`);
  return [fitting];
}

/** A message of the contract as its descriptor tells it. */
export interface MessageType {
  readonly name: string;
  readonly field: readonly {
    readonly name: string;
    readonly label: string;
    readonly type: string;
    readonly typeName: string;
  }[];
  /** The entries of its maps. */
  readonly nestedType: readonly { readonly name: string }[];
}

/** A message with every text in it hostile; `typeOf` finds the messages in it by their full name. */
export function hostileMessage(
  type: MessageType,
  typeOf: (name: string) => MessageType,
  overrides: Overrides = {},
): Record<string, unknown> {
  const members = type.field.map(({ name: key, label, type: kind, typeName }) => {
    if (Object.hasOwn(overrides, key)) return [key, overrides[key]];
    const entry = type.nestedType.find(({ name }) => name === typeName);
    if (entry !== undefined) return [key, { name: 1, [hostile]: 1 }];
    const value =
      kind === "TYPE_STRING"
        ? hostile
        : kind === "TYPE_MESSAGE"
          ? hostileMessage(typeOf(typeName), typeOf, overrides)
          : kind === "TYPE_BOOL"
            ? true
            : 1;
    return [key, label === "LABEL_REPEATED" ? [value] : value];
  });
  return Object.fromEntries(members) as Record<string, unknown>;
}
