/**
 * The cost revision: a Generator sees the exact costs of its draft and may correct it once.
 *
 * It checks a draft and writes the request that shows the findings. Nothing of the draft is evaluated before that.
 */
import { number } from "../text/numbers.ts";
import type { MeasuredCost } from "../search/events.ts";
import type { Prompt, Turn } from "../search/ports.ts";
import type { Architecture } from "../search/architecture.ts";
import type { Space } from "../search/space.ts";
import { isOverLimit } from "../search/results.ts";
import type { RunState } from "../search/state.ts";
import { costsOf, knownOf, percent } from "./feedback.ts";
import { askedForm, generatorPrompt, readArchitectures } from "./generator.ts";
import { hasPromptExtras, sceneOf, textsOf, writeArchitecture } from "./prompts.ts";
import { cutTo } from "../text/words.ts";

/** The most of a draft that is shown, in multiples of the largest round. */
const mostRounds = 2;
const longestRaw = 300;

/**
 * The verdict that one architecture of a draft would get; `same` is the place of an earlier one in the draft, from 1.
 */
export type Finding =
  | {
      readonly kind: "fine" | "over-limit";
      readonly architecture: Architecture;
      readonly measured: MeasuredCost;
    }
  | { readonly kind: "repeated"; readonly architecture: Architecture }
  | { readonly kind: "doubled"; readonly architecture: Architecture; readonly same: number }
  | { readonly kind: "equivalent"; readonly architecture: Architecture; readonly twin: string }
  | { readonly kind: "illegal"; readonly raw: unknown; readonly sentences: readonly string[] };

/** The corrected draft; the draft itself where no correction was asked for or none could be read. */
export async function lookAgain(
  turn: Turn,
  strategy: string,
  draft: readonly unknown[],
): Promise<readonly unknown[]> {
  const { search, capReached } = turn.state;
  if (search.costRevision !== true || !hasPromptExtras(search) || capReached !== null) return draft;
  if (turn.allowance === 0 || draft.length === 0) return draft;
  const findings = await findingsOf(turn, draft);
  const prompt = costRevisionPrompt(turn.state, turn.space, strategy, findings);
  return (
    (await turn.ask("generator", prompt, readArchitectures(turn.space, askedForm(turn.state.search)))) ??
    draft
  );
}

/** The request that shows a draft with the findings. It is complete without earlier requests. */
export function costRevisionPrompt(
  state: RunState,
  space: Space,
  strategy: string,
  findings: readonly Finding[],
): Prompt {
  const { system, schema } = generatorPrompt(state, space, strategy);
  const shown = findings.slice(0, mostRounds * state.search.candidates.max);
  const lines = shown.map((finding, index) => `${index + 1}. ${lineOf(state, space, finding)}`);
  return {
    system,
    user: textsOf(state.search).generator.costRevision(
      sceneOf(state, "generator"),
      strategy,
      lines.join("\n"),
      findings.length - shown.length,
    ),
    schema,
    label: "second look",
  };
}

// --- internal ---

async function findingsOf(turn: Turn, draft: readonly unknown[]): Promise<Finding[]> {
  const parsed = draft.map((raw) => ({ raw, reading: turn.space.parse(raw) }));
  const { visited } = turn.state;
  const fresh = new Map<string, Architecture>();
  for (const { reading } of parsed)
    if (reading.ok && !visited.has(reading.architecture.text))
      fresh.set(reading.architecture.text, reading.architecture);
  const measured = new Map((await turn.costs([...fresh.values()])).map((each) => [each.text, each]));
  const places = new Map<string, number>();
  return parsed.map(({ raw, reading }, index): Finding => {
    if (!reading.ok)
      return { kind: "illegal", raw, sentences: reading.rejections.map(({ sentence }) => sentence) };
    const { architecture } = reading;
    const same = places.get(architecture.text);
    if (same !== undefined) return { kind: "doubled", architecture, same };
    places.set(architecture.text, index + 1);
    const costs = measured.get(architecture.text);
    if (costs === undefined) return { kind: "repeated", architecture };
    if (isOverLimit(turn.state, costs)) return { kind: "over-limit", architecture, measured: costs };
    const twin =
      turn.state.search.equivalent === "skip" && costs.equivalenceKey !== ""
        ? turn.state.firstOfKey.get(costs.equivalenceKey)
        : undefined;
    if (twin !== undefined) return { kind: "equivalent", architecture, twin };
    return { kind: "fine", architecture, measured: costs };
  });
}

function lineOf(state: RunState, space: Space, finding: Finding): string {
  if (finding.kind === "illegal") {
    const raw = JSON.stringify(finding.raw) ?? "nothing";
    return `not valid (${finding.sentences.slice(0, 3).join("; ")}): ${cutTo(raw, longestRaw)}`;
  }
  return `${wordsOf(state, finding)}: ${writeArchitecture(space, finding.architecture, "choice")}`;
}

function wordsOf(state: RunState, finding: Exclude<Finding, { kind: "illegal" }>): string {
  switch (finding.kind) {
    case "repeated":
      return `proposed before, ${knownOf(state, finding.architecture.text)}`;
    case "doubled":
      return `the same as ${finding.same}`;
    case "equivalent":
      return `computes the same function as one proposed before, ${knownOf(state, finding.twin)}`;
    default:
      return withShares(state, finding.measured.costs);
  }
}

/** Costs, with the part of its limit that each uses. */
function withShares({ search: { limits } }: RunState, costs: Readonly<Record<string, number>>): string {
  const each = Object.entries(costs).map(([name, cost]) => {
    const limit = limits[name];
    const line = costsOf({ [name]: cost });
    if (limit === undefined) return line;
    if (cost > limit) return `${line} (over the limit of ${number(limit)} by ${number(cost - limit)})`;
    return limit > 0 ? `${line} (${percent(cost / limit)} of the limit)` : line;
  });
  return each.length === 0 ? costsOf(costs) : each.join(", ");
}
