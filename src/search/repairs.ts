/**
 * What can be repaired in the form of a reply without a change of meaning.
 *
 * It lists the names of the repairs as the record holds them, with a line on each. The repairs themselves are
 * elsewhere: searchers/reply.ts and searchers/generator.ts repair the text of a reply, space.ts the form of an
 * architecture.
 */

/**
 * Every kind of repair, from the text of a reply down to a single slot.
 *
 * `thinking` to `wrapped` count once for a reply, `trailing-comma` to `line-breaks` once for a place. `item-as-text`
 * and those after it count once for an architecture, and only where it is legal. The form that was asked for does not
 * count.
 */
export const repairKinds = {
  thinking: "thoughts before the answer were skipped",
  "earlier-answers": "there were several answers, and the last one was taken",
  fence: "the JSON was in a fence that was not asked for, or in several fences",
  prose: "there was text around the JSON",
  sequence: "the architectures were not in a list",
  "bare-list": "the list of architectures was not in an object",
  "cut-list": "the JSON was cut off or broken, and its whole members were kept",
  wrapped: "the architectures were under other keys than the one asked for",
  "trailing-comma": "there was a comma after the last member",
  "missing-comma": "there was no comma between two objects of a list",
  comments: "there were comments",
  "single-quotes": "text was in single quotes",
  "smart-quotes": "text was in typographic quotes",
  "unquoted-keys": "a key was not in quotes",
  "python-literals": "None, True or False was written instead of null, true or false",
  "odd-space": "there was white space or an invisible character where JSON allows none",
  "line-breaks": "a line break or a tab in a text was not escaped",
  "item-as-text": "an architecture was written as text instead of an object",
  "number-as-text": "a number was written as text",
  "bare-slot": "the only slot of a dimension was not in a list",
  "flat-groups": "slots were in one list where a list for each group was asked for",
  "grouped-slots": "slots were in a list for each group where one list was asked for",
  "active-only": "slots that are not in use were left out",
} as const;

export type RepairKind = keyof typeof repairKinds;

/** Adds `more` to the counts of `repairs`. */
export function countRepairs(repairs: Map<RepairKind, number>, more: Iterable<[RepairKind, number]>): void {
  for (const [kind, times] of more) repairs.set(kind, (repairs.get(kind) ?? 0) + times);
}
