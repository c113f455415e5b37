/**
 * Every role played by written rules, for a search without a language model.
 *
 * Owns the rules: the Navigator reads which choices the good architectures share and writes them down as ranges, the
 * Generator samples from the ranges it reads. They talk through the strategy text alone, as models would; who plays
 * alone does one after the other. Knows no space.
 */
import { Interrupted } from "../errors.ts";
import type { ChatReply } from "../search/events.ts";
import type { ChatModel, ChatRequest } from "../search/ports.ts";
import { type Random, randomStream } from "../search/random.ts";
import type { Architecture } from "../search/architecture.ts";
import type { Space } from "../search/space.ts";
import { printRange, type Range, readRanges } from "../search/strategy.ts";
import type { ResultsBrief } from "./feedback.ts";
import type { GeneratorBrief } from "./generator.ts";
import type { NavigatorBrief } from "./navigator.ts";
import { writeArchitecture } from "./prompts.ts";
import type { SoloBrief } from "./solo.ts";

/** The words with which every surface names this player. */
export const rulesLabel = "rules, no language model";

/** The share of results that counts as good, and the fewest and most of them. */
const eliteShare = 0.25;
const fewestElites = 4;
const mostElites = 12;
/** How many votes each choice has before any result speaks, at the start and at the end of the budget. */
const firstPrior = 1;
const lastPrior = 0.25;
/** A choice rarer than this, or than half its even share, is left out of the words, and so out of the sampling. */
const smallestPercent = 3;

/** Plays whichever role a request's brief names. Uses no tokens and no time. */
export const rulesModel: ChatModel = {
  label: rulesLabel,
  reply: async ({ brief, seed }: ChatRequest, signal: AbortSignal): Promise<ChatReply> => {
    if (signal.aborted) throw new Interrupted("stopped on request");
    return {
      model: rulesLabel,
      content: answerTo(brief as Brief, seed),
      reasoning: null,
      finishReason: "stop",
      inputTokens: 0,
      outputTokens: 0,
      seconds: 0,
      failures: [],
    };
  },
};

type Brief = NavigatorBrief | GeneratorBrief | SoloBrief;

function answerTo(brief: Brief, seed: number): string {
  if (brief.role === "navigator") return writeStrategy(brief);
  if (brief.role === "generator") return `{"architectures": ${writeArchitectures(brief, seed)}}`;
  const strategy = writeStrategy(brief);
  const architectures = writeArchitectures({ ...brief, strategy }, seed);
  return `{"strategy": ${JSON.stringify(strategy)}, "architectures": ${architectures}}`;
}

// ----- Navigator -----

/** One slot of the space with the votes that each of its choices got from the good architectures. */
interface Poll {
  readonly dimension: string;
  readonly slot: number;
  readonly shares: readonly { readonly token: string; readonly percent: number }[];
}

function writeStrategy(brief: ResultsBrief): string {
  const { space } = brief;
  const { elites, within } = elitesOf(brief);
  const polls = takePolls(space, elites, brief.budgetLeft / brief.budget);
  const favourites = polls
    .filter(({ shares }) => shares.length > 1)
    .sort((first, second) => topPercent(second) - topPercent(first))
    .slice(0, 3);
  const settled = favourites.filter((poll) => topPercent(poll) >= 50);
  const named = (list: readonly Poll[]) =>
    list.map(({ dimension, slot, shares }) => `${dimension}[${slot}] = ${shares[0]?.token}`).join(", ");
  const agreement = `agree most on ${named(favourites)}`;
  const next =
    settled.length > 0
      ? "Stay close to that and vary the rest."
      : "They still differ widely, so keep sampling broadly.";
  const summary =
    elites.length === 0
      ? "Nothing is known yet: sample every choice of every slot evenly."
      : !within
        ? `Everything so far is over the limit; the ${elites.length} that exceed it least ${agreement}. Go further that way.`
        : `The ${elites.length} best of ${brief.results.length} results ${agreement}. ${next}`;
  const directions = space.description.dimensions.map(({ name }) => {
    const own = favourites.filter(({ dimension }) => dimension === name);
    return `### ${name}\n${own.length > 0 && elites.length > 0 ? `Prefer ${named(own)}; elsewhere follow the ranges.` : "Follow the ranges."}`;
  });
  const isRare = (percent: number, { shares }: Poll) =>
    percent < Math.min(smallestPercent, 50 / shares.length);
  const rare = polls.flatMap((poll) =>
    poll.shares
      .filter(({ percent }) => isRare(percent, poll))
      .map(({ token }) => `${poll.dimension}[${poll.slot}] = ${token}`),
  );
  const ranges = polls.map((poll) =>
    printRange({ ...poll, shares: poll.shares.filter(({ percent }) => !isRare(percent, poll)) }),
  );
  return [
    `## Summary\n${summary}`,
    `## What worked and why\n${elites.length === 0 ? "No results yet." : `Shares of each choice among the best results are given under Ranges; ${brief.budgetLeft} of ${brief.budget} evaluations are left.`}`,
    `## Directions\n${directions.join("\n")}`,
    `## Ranges\n${ranges.join("\n")}`,
    `## Avoid\n${rare.length === 0 || elites.length === 0 ? "Repeating an architecture." : `Hardly any good result has ${rare.slice(0, 8).join(", ")}.`}`,
  ].join("\n\n");
}

/** The good architectures: the best results, or as long as there are none, those that exceed the limit least. */
function elitesOf(brief: ResultsBrief): { elites: Architecture[]; within: boolean } {
  const scored = brief.results.flatMap(({ measured, overLimit }, index) => {
    const value = brief.values[index];
    return value === null || value === undefined || overLimit
      ? []
      : [{ text: measured.text, score: brief.higherIsBetter ? value : -value }];
  });
  const within = scored.length > 0;
  const ranked = within ? scored : brief.overLimit.map(({ text, excess }) => ({ text, score: -excess }));
  const count = Math.min(mostElites, Math.max(fewestElites, Math.round(ranked.length * eliteShare)));
  const elites = [...ranked]
    .sort((first, second) => second.score - first.score)
    .slice(0, count)
    .map(({ text }) => brief.space.fromText(text));
  return { elites, within };
}

/** Votes of the elites, better ones with more weight, for every slot; none in a slot that no elite uses: even shares. */
function takePolls(space: Space, elites: readonly Architecture[], budgetLeft: number): Poll[] {
  const prior = lastPrior + (firstPrior - lastPrior) * budgetLeft;
  return space.description.dimensions.flatMap(({ name, choices, groups }, dimension) =>
    Array.from({ length: groups.reduce((sum, { size }) => sum + size, 0) }, (_, slot) => {
      const votes = choices.map(() => prior);
      for (const [rank, { choices: chosen }] of elites.entries()) {
        const choice = chosen[dimension]?.[slot];
        if (choice !== null && choice !== undefined)
          votes[choice] = (votes[choice] ?? 0) + 2 * (1 - rank / elites.length);
      }
      const total = votes.reduce((sum, vote) => sum + vote, 0);
      const shares = choices.map((token, choice) => ({
        token,
        percent: Math.round((100 * (votes[choice] ?? 0)) / total),
      }));
      return {
        dimension: name,
        slot,
        shares: shares.sort((first, second) => second.percent - first.percent),
      };
    }),
  );
}

function topPercent({ shares }: Poll): number {
  return shares[0]?.percent ?? 0;
}

// ----- Generator -----

function writeArchitectures(
  { space, strategy, max, draft = [] }: Pick<GeneratorBrief, "space" | "strategy" | "max" | "draft">,
  seed: number,
): string {
  const random = randomStream(seed, "rules");
  const ranges = readRanges(strategy);
  const write = (architecture: Architecture) => writeArchitecture(space, architecture, "choice");
  // What is good in a draft stays, and other draws take the place of the rest.
  const kept = draft.filter(({ isFine }) => isFine).map(({ text }) => write(space.fromText(text)));
  const dropped = new Set(draft.filter(({ isFine }) => !isFine).map(({ text }) => text));
  const written = new Set(kept.slice(0, max));
  for (let attempt = 0; attempt < 10 * max && written.size < max; attempt++) {
    const drawn = sampleFrom(space, ranges, random);
    if (!dropped.has(drawn.text)) written.add(write(drawn));
  }
  return `[${[...written].join(", ")}]`;
}

function sampleFrom(space: Space, ranges: readonly Range[], random: Random): Architecture {
  const raw = space.description.dimensions.map(({ name, choices, groups }) => {
    const slots = groups.reduce((sum, { size }) => sum + size, 0);
    const drawn = Array.from({ length: slots }, (_, slot) => {
      const range =
        ranges.find((each) => each.dimension === name && each.slot === slot) ??
        ranges.find((each) => each.dimension === name && each.slot === null);
      return drawToken(choices, range, random);
    });
    return [name, drawn];
  });
  const parsed = space.parse(Object.fromEntries(raw));
  return parsed.ok ? parsed.architecture : space.sample(random);
}

/** A choice in proportion to the shares of its range; evenly when the range names none of them. */
function drawToken(choices: readonly string[], range: Range | undefined, random: Random): string {
  const shares = (range?.shares ?? []).filter(({ token }) => choices.includes(token));
  const total = shares.reduce((sum, { percent }) => sum + percent, 0);
  if (total === 0) return choices[random.below(choices.length)] as string;
  let at = (random.below(1_000_000) / 1_000_000) * total;
  for (const { token, percent } of shares) {
    at -= percent;
    if (at < 0) return token;
  }
  return (shares.at(-1) as { token: string }).token;
}
