/**
 * What can be put right in the form of a reply without a change of meaning.
 *
 * Owns the names of the repairs as the record holds them, and a line on each. Knows nothing of how one is made:
 * searchers/reply.ts and searchers/generator.ts put right the text of a reply, space.ts the form of an architecture.
 */

/**
 * Every kind of repair, from the text of a reply down to a single slot.
 *
 * `thinking` to `wrapped` count once a reply, `trailing-comma` to `line-breaks` once a place, `item-as-text` and what
 * follows once an architecture, and only where that architecture is legal. The form that was asked for counts nothing.
 */
export const repairKinds = {
  thinking: "thoughts that stood before the answer were passed over",
  "earlier-answers": "of several answers the last one was taken",
  fence: "the JSON stood in a fence that was not asked for, or in several",
  prose: "there was text around the JSON",
  sequence: "architectures stood by themselves, in no list",
  "bare-list": "the list of architectures stood by itself, in no object",
  "cut-list": "the whole members of JSON that is cut off or broken were kept",
  wrapped: "the architectures stood under other keys than the one asked for",
  "trailing-comma": "a comma stood after the last member",
  "missing-comma": "no comma stood between two objects of a list",
  comments: "there were comments",
  "single-quotes": "text stood in single quotes",
  "smart-quotes": "text stood in typographic quotes",
  "unquoted-keys": "a key stood without quotes",
  "python-literals": "None, True or False stood for null, true or false",
  "odd-space": "white space or invisible marks stood where JSON has none",
  "line-breaks": "a line break or a tab stood in a text as it is",
  "item-as-text": "an architecture was written as text instead of an object",
  "number-as-text": "a number was written as text",
  "bare-slot": "the only slot of a dimension stood without its list",
  "flat-groups": "slots stood in one list where a list for each group was asked for",
  "grouped-slots": "slots stood in a list for each group where one list was asked for",
  "active-only": "slots that are not in use were left out",
} as const;

export type RepairKind = keyof typeof repairKinds;

/** Adds `more` to the counts of `repairs`. */
export function countRepairs(repairs: Map<RepairKind, number>, more: Iterable<[RepairKind, number]>): void {
  for (const [kind, times] of more) repairs.set(kind, (repairs.get(kind) ?? 0) + times);
}
