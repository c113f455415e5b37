/**
 * The plans in presets/bench/: how many runs each makes, and which of them are about a language model.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./cli.ts";

export const planFolder = join(root, "presets/bench");

/** Each makes so many runs with one seed. */
export const planSizes: Readonly<Record<string, number>> = {
  "analognas.yaml": 20,
  "nasbench201-controls.yaml": 30,
  "nasbench201-iterations.yaml": 21,
  "nasbench201-main.yaml": 30,
  "nasbench201-memory.yaml": 24,
  "nasbench201-models.yaml": 24,
  "nasbench201-solo.yaml": 18,
  "nasbench201-temperatures.yaml": 40,
  "nasbench201-wordings.yaml": 21,
  "scenes-bank.yaml": 9,
};

/** How many seeds a plan has, and how many evaluations its runs make. */
export function planScale(name: string): { readonly seeds: number; readonly budget: number } {
  return name === "scenes-bank.yaml" ? { seeds: 20, budget: 200 } : { seeds: 10, budget: 100 };
}

/** Whether a plan is about a language model. */
export function isAboutModels(name: string): boolean {
  return /^searchers: .*\b(collm|solo)\b/m.test(readFileSync(join(planFolder, name), "utf8"));
}

/** Whether it is given a model by flag; one names its own. */
export function needsFlag(name: string): boolean {
  return isAboutModels(name) && name !== "nasbench201-models.yaml";
}
