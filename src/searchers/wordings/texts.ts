/**
 * The texts that every wording of the prompts must have, and what each of them may depend on.
 *
 * The facts (the space, the numbers, the architectures, the headings of a strategy) come ready-made, so that all
 * wordings have the same facts. No wording is known here.
 */

/** What a text may depend on: facts about its search. */
export interface Scene {
  /** How many architectures a round asks for. */
  readonly min: number;
  readonly max: number;
  /** Whether a cost has a limit. */
  readonly isLimited: boolean;
  /** Whether architectures over a limit are not evaluated. */
  readonly skipsOverLimit: boolean;
  /** Whether a text may say more than the paper's text. */
  readonly promptExtras: boolean;
  /** Whether the role that writes the strategy keeps its conversation. */
  readonly remembers: boolean;
  /** Whether architectures are asked for as JSON under a schema, or in free text. */
  readonly structured: boolean;
}

/** Texts for the role that writes the strategy. */
export interface StrategistTexts {
  /** Who it is, and what happens with its text. */
  readonly role: (scene: Scene) => string;
  /** How to work; with its heading. */
  readonly work: (scene: Scene) => string;
  /** What to write; with its heading. `form` shows how to write architectures, for a role that writes them. */
  readonly answer: (scene: Scene, outline: string, form: string) => string;
  /** Asks for the first strategy. */
  readonly first: (scene: Scene) => string;
  /** The same where results were known before the search; they come before it. */
  readonly firstFromKnown: (scene: Scene) => string;
  /** Asks for the next one; a list of questions follows. */
  readonly next: (scene: Scene) => string;
  /** Ends that request. */
  readonly close: (scene: Scene) => string;
  /** Takes the place of the results of a round without candidates. */
  readonly noCandidates: string;
  /** Says how many candidates had been proposed before. */
  readonly repeated: (count: number) => string;
}

/** One wording. Texts for one line have no bullet and no number. */
export interface Texts {
  readonly problem: {
    readonly heading: string;
    readonly objective: (direction: "maximise" | "minimise", metric: string) => string;
    /** `target` is null where none was given. */
    readonly target: (scene: Scene, target: string | null) => string;
    readonly limit: (limit: string) => string;
    readonly budget: (evaluations: number) => string;
    /** What happens to architectures over a limit, and to those far below it. */
    readonly nearLimit: (scene: Scene) => string;
  };
  /** Shows a whole architecture. */
  readonly example: (architecture: string) => string;
  readonly navigator: StrategistTexts;
  /** One model that writes the strategy and the architectures. */
  readonly solo: StrategistTexts;
  readonly opening: {
    readonly heading: string;
    /** What to weigh before anything is known. `dimensions` are names. */
    readonly considerations: (scene: Scene, dimensions: string) => readonly string[];
  };
  /** The heading of what was known before the search: the best `shown` of all `count` results. */
  readonly known: (count: number, shown: number) => string;
  readonly results: {
    readonly heading: (round: number) => string;
    /** Part of the heading where slots can be out of use. */
    readonly unused: string;
    readonly noneEvaluated: string;
    readonly lost: string;
    readonly equivalent: (count: number) => string;
    readonly invalid: (count: number, reasons: string) => string;
    readonly overLimit: (count: number, examples: string) => string;
    readonly beyondRound: (count: number) => string;
    /** Which ones had been proposed before, with how often they came now and what is known of them. */
    readonly again: (examples: string) => string;
  };
  /** What random architectures cost, shown before there are results. */
  readonly spread: {
    readonly heading: (drawn: number) => string;
    readonly cost: (cost: string, range: string, half: string) => string;
    readonly within: (share: string) => string;
  };
  /** What is still unseen. */
  readonly coverage: {
    readonly heading: string;
    readonly share: (evaluated: number, size: string) => string;
    /** `list` ends with the number of entries that are left out, if any. */
    readonly never: (list: string) => string;
    readonly rare: (list: string) => string;
    readonly more: (count: number) => string;
    readonly bands: (cost: string, list: string) => string;
  };
  readonly overview: {
    readonly heading: string;
    readonly best: (scene: Scene, value: string, costs: string, architecture: string) => string;
    readonly noBest: (scene: Scene) => string;
    readonly evaluations: (used: number, left: number) => string;
    readonly limit: (limit: string) => string;
    /** What part of a limit the best and the middle one of a round use; null where there is none. */
    readonly headroom: (cost: string, best: string | null, middle: string | null) => string;
    readonly target: (target: string) => string;
    /** Takes the place of the target where none was given. */
    readonly open: (direction: "high" | "low") => string;
  };
  /** Older rounds in short, before the results of the last one. */
  readonly earlier: {
    readonly heading: string;
    /** Says why older rounds are shortened. */
    readonly reason: string;
    readonly round: (first: number, last: number, evaluated: number, best: string) => string;
    /** Takes the place of the best where rounds have none. */
    readonly none: string;
    readonly losses: (failed: number, overLimit: number) => string;
    /** Before the last strategy in full. */
    readonly strategy: string;
    readonly bestHeading: (count: number) => string;
  };
  /** What to work out from the results. */
  readonly questions: (metric: string) => readonly string[];
  readonly generator: {
    readonly role: string;
    readonly work: (scene: Scene) => string;
    readonly answer: (scene: Scene, form: string) => string;
    readonly request: (scene: Scene, strategy: string) => string;
    /** Shows a draft, an architecture a line, and asks for it again; `more` of its architectures are not shown. */
    readonly costRevision: (scene: Scene, strategy: string, draft: string, more: number) => string;
  };
}

/** Optional sections of a strategy, where the prompts say no more than the paper's. */
export const optionalHeadings = "## Constraints, ## Ranges, ## Examples";

export function numbered(lines: readonly string[]): string {
  return lines.map((line, index) => `${index + 1}. ${line}`).join("\n");
}

export function bulleted(lines: readonly string[]): string {
  return lines.map((line) => `- ${line}`).join("\n");
}
