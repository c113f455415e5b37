/**
 * What the searches found, in a form to go on with.
 *
 * Owns under which names an architecture is shown and how it is evaluated again. Whether it is any good is the tables' business.
 */
import type { RunState } from "../search/state.ts";
import type { ComparedSpace } from "./compared.ts";
import { shellWord } from "../text/shell.ts";
import { bestRun } from "./figures/subject.ts";
import { ownNames } from "./own-names.ts";

/** What the best runs of one search or several picked. */
export interface FoundArchitecture {
  /** Every search whose best run picked it, with that run's seed. */
  readonly finders: readonly { readonly label: string; readonly seed: number }[];
  /** Its canonical text, in the space's own names where they are known. */
  readonly text: string;
  /** Whether `text` stands in the neutral names that a blind search saw, for they could not be translated. */
  readonly isBlind: boolean;
  readonly search: number;
  readonly test: number | null;
  /** Evaluates it again; null where `text` means nothing to the evaluator. */
  readonly command: string | null;
}

/** What was found on a space, each architecture once, in the order of the searches. */
export function foundArchitectures({
  id,
  cohorts,
  higherIsBetter,
  program,
}: ComparedSpace): FoundArchitecture[] {
  const found = new Map<string, FoundArchitecture>();
  for (const cohort of cohorts) {
    const { run, outcome } = bestRun(cohort, higherIsBetter) ?? {};
    if (run === undefined || outcome === undefined) continue;
    if (outcome.last.picked === null || outcome.last.best === null) continue;
    const { picked, best, test } = outcome.last;
    const open = ownNames(run.state);
    const text = open?.(picked) ?? picked;
    const before = found.get(text);
    const finder = { label: cohort.label, seed: outcome.seed };
    found.set(text, {
      finders: [...(before?.finders ?? []), finder],
      text,
      isBlind: open === null,
      search: best,
      test: test ?? before?.test ?? null,
      command: open === null ? null : evaluateCommand(program, text, id, run.state),
    });
  }
  return [...found.values()];
}

/** The command that evaluates an architecture of a space again, with the evaluator that a run was set up with. */
export function evaluateCommand(
  program: string,
  text: string,
  space: string,
  { setup }: Pick<RunState, "setup">,
): string {
  const { evaluator } = setup as {
    readonly evaluator?: { readonly address?: unknown; readonly config?: unknown };
  };
  const flags = [
    ["--space", space],
    ["--evaluator", evaluator?.address],
    ["--evaluator-config", evaluator?.config],
  ].flatMap(([flag, value]) => (typeof value === "string" ? [`${flag as string} ${shellWord(value)}`] : []));
  return [`${program} evaluate`, `'${text.replaceAll("'", "'\\''")}'`, ...flags].join(" ");
}
