/** The spaces and cases of proto/vectors/spelling.json, as the evaluator's own tests read them too. */
import { readFileSync } from "node:fs";
import { Space } from "../../src/search/space.ts";
import type { SpaceDescription } from "../../src/search/space-description.ts";

/** The part of a description that decides how its architectures are spelt. */
export interface Spelling {
  readonly dimensions: readonly {
    readonly name: string;
    readonly choices: string[];
    readonly numeric: boolean;
    readonly groups: { name: string; size: number }[];
    readonly activeCount: string;
  }[];
  readonly template: string;
}

export interface SpellingCase {
  readonly why: string;
  readonly space: string;
  readonly raw: unknown;
  readonly text?: string;
  readonly rejections?: readonly { readonly code: string; readonly place: string }[];
}

export const spellingVectors = JSON.parse(
  readFileSync(new URL("../../proto/vectors/spelling.json", import.meta.url), "utf8"),
) as {
  readonly spaces: Readonly<Record<string, Spelling>>;
  readonly cases: readonly SpellingCase[];
  readonly refusedSpaces: readonly (Spelling & { readonly why: string })[];
};

/** A whole description around a spelling: one metric, one cost, a search and a test split. */
export function describedAs(id: string, { dimensions, template }: Spelling): SpaceDescription {
  return {
    id,
    summary: "a space for tests",
    digest: `digest of ${id}`,
    dimensions: dimensions.map((dimension) => ({ ...dimension, meaning: "", slotNames: [] })),
    template,
    metrics: [{ name: "accuracy", unit: "percent", meaning: "", higherIsBetter: true }],
    costs: [{ name: "flops_m", unit: "millions", meaning: "" }],
    splits: [
      { name: "search", meaning: "" },
      { name: "test", meaning: "" },
    ],
    parallelism: 4,
    maxBatch: 1_000,
    provenance: "",
  };
}

/** The four spaces of the vectors by name. */
export const vectorSpaces: ReadonlyMap<string, Space> = new Map(
  Object.entries(spellingVectors.spaces).map(([name, spelling]) => [
    name,
    new Space(describedAs(name, spelling)),
  ]),
);
