/**
 * How sure the results of searches are, in words: the noise of one evaluation of a winner, and which searches a space
 * cannot tell apart.
 *
 * Everything is silent where the evaluator gives no standard errors. The spread over seeds is statistics.ts.
 */
import { type ComparedSpace, hasMeans, type Measure, pickedTest, searchValue } from "./comparison.ts";
import type { Note } from "./exhibit.ts";
import { mean, median } from "./statistics.ts";

/** Searches whose means differ by less than the noise of one pick. */
export interface Undecided {
  readonly measure: Measure;
  /** The standard error of one pick by this measure. */
  readonly noise: number;
  /** Searches with a mean. */
  readonly searches: number;
  /** Pairs of them, how many of these are too close, and how far apart the farthest are. */
  readonly pairs: number;
  readonly close: number;
  readonly range: number;
}

/** The standard error of one evaluation of a winner: the median over runs; null: not known. */
export function noiseOfPick({ cohorts }: Pick<ComparedSpace, "cohorts">, { id }: Measure): number | null {
  const errors = cohorts.flatMap(({ outcomes }) => outcomes.map((outcome) => outcome.errors[id]));
  return median(errors.filter((error) => error !== null));
}

/** A sentence for a caption: what ± is, and what it is not. */
export function noiseSentences(space: ComparedSpace): string[] {
  const known = measures.flatMap((measure) => {
    const noise = noiseOfPick(space, measure);
    return noise === null ? [] : [`${short(noise)} (${measure.id})`];
  });
  if (known.length === 0) return [];
  const words = `one evaluation of a winner has a standard error of ${known.join(" and ")}.`;
  return [hasMeans(space.cohorts) ? `± is the spread over seeds; ${words}` : `O${words.slice(1)}`];
}

/** What the standard error of an evaluation is; nothing where none is known. */
export function noiseNotes(space: ComparedSpace): Note[] {
  return measures.every((measure) => noiseOfPick(space, measure) === null)
    ? []
    : [
        {
          term: "Standard error of one evaluation",
          words:
            "how far one score may lie from that of an endless test of the same architecture, as the evaluator says; of several winners the median. More seeds do not make it smaller: all runs are scored on the same data. The best of many also owes something to luck, so its search value is somewhat too high.",
        },
      ];
}

/**
 * What a space cannot decide: by test of the picked, or by search value where the noise of a test is not known.
 *
 * @returns null where every two searches are farther apart than the standard error of one pick, where there are no two,
 *   and where that error is not known
 */
export function undecidedOn(space: ComparedSpace): Undecided | null {
  const measure = measures.toReversed().find((each) => noiseOfPick(space, each) !== null);
  const noise = measure === undefined ? null : noiseOfPick(space, measure);
  if (measure === undefined || noise === null) return null;
  const means = space.cohorts.flatMap(
    ({ outcomes }) => mean(outcomes.map(measure.of).filter((value) => value !== null)) ?? [],
  );
  const gaps = means.flatMap((one, at) => means.slice(at + 1).map((other) => Math.abs(one - other)));
  const close = gaps.filter((gap) => gap < noise).length;
  if (close === 0) return null;
  const range = Math.max(...gaps);
  return { measure, noise, searches: means.length, pairs: gaps.length, close, range };
}

/** The same as a sentence; none where there is nothing to say. */
export function undecidedSentences(space: ComparedSpace): string[] {
  const found = undecidedOn(space);
  return found === null ? [] : [undecidedSentence(space, found)];
}

/** What was found undecided, as a sentence. */
export function undecidedSentence({ id }: ComparedSpace, found: Undecided): string {
  const { measure, noise, searches, pairs, close, range } = found;
  const error = `one pick has a standard error of ${short(noise)}`;
  return close === pairs
    ? `The space ${id} cannot tell ${searches === 2 ? "these two searches" : `these ${searches} searches`} apart, even where all seeds agree: by ${measure.name} their means differ by ${pairs === 1 ? "" : "at most "}${short(range)}, and ${error}.`
    : `The space ${id} cannot tell all of these searches apart, even where all seeds agree: by ${measure.name} the means of ${close} of ${pairs} pairs differ by less than ${short(noise)}, the standard error of one pick.`;
}

// --- internal ---

const measures = [searchValue, pickedTest];

/** In two digits that count, or all before the point. */
function short(value: number): string {
  return value === 0 || value >= 10 ? value.toFixed(0) : value.toPrecision(2);
}
