/**
 * A space small enough to know by heart: 144 architectures with inactive slots, and a score for each.
 *
 * Owns numbers that are the same everywhere and always. Knows nothing of who searches it or serves it.
 */
import type { SpaceDescription } from "../../src/search/space-description.ts";
import type { Architecture } from "../../src/search/architecture.ts";
import { Space } from "../../src/search/space.ts";

/** Two stages of one or two layers, three widths: `{"depth":[1,2],"width":[16,null,24,32]}`. */
export const tinyDescription: SpaceDescription = {
  id: "tiny",
  summary: "A network of two stages, each with one or two layers.",
  digest: "tiny-1",
  dimensions: [
    {
      name: "depth",
      meaning: "How many layers each stage has; more of them cost more.",
      choices: ["1", "2"],
      numeric: true,
      groups: [{ name: "stages", size: 2 }],
      activeCount: "",
      slotNames: ["stage 1", "stage 2"],
    },
    {
      name: "width",
      meaning: "How many channels each layer has; cost grows in proportion.",
      choices: ["16", "24", "32"],
      numeric: true,
      groups: [
        { name: "stage 1", size: 2 },
        { name: "stage 2", size: 2 },
      ],
      activeCount: "depth",
      slotNames: [],
    },
  ],
  template: "",
  metrics: [
    {
      name: "accuracy",
      unit: "percent",
      meaning: "Share of images classified correctly.",
      higherIsBetter: true,
    },
  ],
  costs: [
    { name: "flops_m", unit: "millions", meaning: "Multiplications for one image." },
    { name: "params_m", unit: "millions", meaning: "Weights." },
  ],
  splits: [
    { name: "search", meaning: "Images held out from training." },
    { name: "test", meaning: "Images kept for the end." },
  ],
  parallelism: 2,
  maxBatch: 10,
  provenance: "written by hand in test/support/tiny-space.ts",
};

/** The architecture with the best accuracy on both splits; no other one has it. */
export const tinyBest = '{"depth":[2,1],"width":[24,32,32,null]}';

/** The accuracy: no two architectures of this space share one. The test split lies a quarter of a point below. */
export function tinyScore(architecture: Architecture, split: "search" | "test"): number {
  const wanted = [1, 2, 2, -0.5];
  const widths = (architecture.choices[1] ?? []).map((choice) => choice ?? -0.5);
  const away = widths.reduce(
    (sum, choice, slot) => sum + Math.abs(choice - (wanted[slot] as number)) * (1 + slot / 8),
    0,
  );
  const tie = widths.reduce((sum, choice, slot) => sum + choice / 4 ** slot, 0) / 1000;
  return 95 - away - tie - (split === "test" ? 0.25 : 0);
}

/** Both costs, from the widths of the active layers. */
export function tinyCosts(architecture: Architecture): Record<string, number> {
  const widths = (architecture.choices[1] ?? []).map((choice) => (choice === null ? 0 : 16 + 8 * choice));
  const total = widths.reduce((sum, width) => sum + width, 0);
  return { flops_m: total / 2, params_m: total / 64 };
}

/** The space itself. */
export function tinySpace(): Space {
  return new Space(tinyDescription);
}
