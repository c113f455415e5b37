/**
 * Searchers that propose what a test tells them to.
 *
 * Owns the order of the proposals. Past the end of its list it proposes nothing. Knows no space.
 */
import type { ChatReply } from "../../src/search/events.ts";
import type { Reading, Searcher, Turn } from "../../src/search/ports.ts";

/** One list of raw candidates a round, or a function that looks at the turn. */
export type Proposals =
  | readonly (readonly unknown[])[]
  | ((turn: Turn) => readonly unknown[] | Promise<readonly unknown[]>);

export function scriptedSearcher(proposals: Proposals): Searcher {
  return {
    name: "scripted",
    summary: "proposes what a test wrote down",
    propose: async (turn) =>
      typeof proposals === "function" ? await proposals(turn) : (proposals[turn.round - 1] ?? []),
  };
}

/**
 * Asks both roles in prompts of a few words: the Navigator's text becomes the strategy, and the Generator's JSON list
 * the candidates. A reply that begins with "?", or is no JSON, cannot be read.
 */
export const askingSearcher: Searcher = {
  name: "asking",
  summary: "asks the navigator, then the generator",
  async propose(turn) {
    const { round } = turn;
    const strategy = await turn.ask(
      "navigator",
      { system: "You navigate.", user: `Navigate round ${round}.`, schema: null },
      readable((content) => content),
    );
    if (strategy !== null) await turn.setStrategy(strategy);
    const proposed = await turn.ask(
      "generator",
      {
        system: "You generate.",
        user: `Generate round ${round} after "${strategy ?? "nothing"}".`,
        schema: { type: "array" },
      },
      readable((content) => listOf(JSON.parse(content))),
    );
    return proposed ?? [];
  },
};

function readable<T>(read: (content: string) => T): (reply: ChatReply) => Reading<T> {
  return ({ content }) => {
    if (content.startsWith("?")) {
      return { ok: false, reasons: ["it begins with a question mark", `it says ${content}`] };
    }
    try {
      return { ok: true, value: read(content) };
    } catch (error) {
      return { ok: false, reasons: [String(error)] };
    }
  };
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [value];
}
