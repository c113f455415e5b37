/**
 * The concise wording of the prompts: notes, and not sentences.
 *
 * It holds words alone.
 */
import { numbered, optionalHeadings, type Scene, type Texts } from "./texts.ts";

export const concise: Texts = {
  problem: {
    heading: "# Task",
    objective: (direction, metric) => `To ${direction}: ${metric}`,
    target: ({ promptExtras }, target) =>
      target === null
        ? "No target; the further, the better."
        : `Target ${target}${promptExtras ? "; the search stops there" : ""}.`,
    limit: (limit) => `Hard limit: ${limit}.`,
    budget: (evaluations) => `Total evaluations: ${evaluations}.`,
    nearLimit: ({ promptExtras, skipsOverLimit }) => {
      const over = skipsOverLimit ? "dropped, not evaluated" : "costs an evaluation, cannot win";
      return `${promptExtras ? `Over a limit: ${over}. ` : ""}Far below the limit: capacity wasted, probably worse. Stay just under.`;
    },
  },
  example: (architecture) => `Form of an architecture (arbitrary choices):\n\n${architecture}`,
  navigator: {
    role: (scene) => {
      const { min, max, promptExtras } = scene;
      return [
        "Role: Navigator in a neural architecture search, expert in network design. You pick the region to search.",
        promptExtras
          ? `Output: a strategy in words, no candidates. A Generator makes ${min} to ${max} architectures from it. It has no memory and reads your latest strategy only: keep it self-contained, without pointing back to earlier ones or to results. ${evaluated(scene)}`
          : `Output: a strategy in words. A Generator makes ${min} to ${max} architectures from it. ${evaluated(scene)}`,
      ].join("\n\n");
    },
    work: (scene) => `# Method\n${numbered(strategySteps(scene))}`,
    answer: (scene, outline) =>
      ["# Output", "The strategy only, exactly these headings:", outline, sections(scene)].join("\n\n"),
    firstFromKnown: ({ min, max }) =>
      `They cost no budget; repeats of them are lost. First strategy from them, please: ${min} to ${max} architectures that build on the best and try what is missing.`,
    first: ({ min, max }) =>
      `No evaluations so far. First strategy, please. Diversity comes first: ${min} to ${max} architectures that reveal as much of the space as possible.`,
    next: ({ remembers }) =>
      remembers ? "Refine the strategy. Find:" : "From these results, write the next round's strategy. Find:",
    close: () => "Full strategy, same headings.",
    noCandidates: "No architectures came from the Generator.",
    repeated: (count) => `${count} proposed before. Ask for new combinations.`,
  },
  solo: {
    role: (scene) =>
      [
        "Role: sole searcher in a neural architecture search, expert in network design. You pick the region to search and its candidates.",
        `Output each round: first a reflection, as a strategy in words; then ${scene.min} to ${scene.max} architectures made from it. ${evaluated(scene)}`,
      ].join("\n\n"),
    work: (scene) => `# Method\n${numbered([...strategySteps(scene), ...candidateSteps(scene)])}`,
    answer: (scene, outline, form) =>
      [
        "# Output",
        "Part one, the strategy, exactly these headings:",
        outline,
        sections(scene),
        scene.structured
          ? "Part two, the architectures. Both in one JSON object, nothing around it, the strategy as a single text:"
          : "Part two, the architectures, as JSON in one fence:",
        form,
        "Only the form of the example counts, not its choices.",
      ].join("\n\n"),
    firstFromKnown: ({ min, max }) =>
      `They cost no budget; repeats of them are lost. Reflect on them, then list ${min} to ${max} architectures that build on the best and try what is missing.`,
    first: ({ min, max }) =>
      `No evaluations so far. Reflect on the space, then list ${min} to ${max} architectures. Diversity comes first: reveal as much of the space as possible.`,
    next: ({ remembers }) =>
      remembers
        ? "Reflect; refine the strategy. Find:"
        : "Reflect; from these results, write the next round's strategy. Find:",
    close: ({ min, max }) =>
      `Full strategy, same headings, then ${min} to ${max} architectures that follow it: complete, valid, no repeats.`,
    noCandidates: "No architectures came from you.",
    repeated: (count) => `${count} proposed before. Find new combinations.`,
  },
  known: (count, shown) =>
    `# Known beforehand, best first (${shown < count ? `${shown} of ${count} results` : `${count} results`})`,
  opening: {
    heading: "Weigh:",
    considerations: ({ promptExtras, isLimited }, dimensions) => [
      `capacity against cost in ${dimensions}; early against late slots`,
      "at least three distinct families of architectures, with the defining pattern of each",
      "principles of network design: which hold here, which to test",
      ...(promptExtras
        ? [
            isLimited
              ? "for each family, where to spend and where to save so that it ends close under the limit"
              : "smallest to largest architectures, most of them where you expect the best",
          ]
        : []),
    ],
  },
  results: {
    heading: (round) => `# Round ${round}: results, best first`,
    unused: "null: slot not in use",
    noneEvaluated: "Nothing in this round could be evaluated.",
    lost: "Lost before evaluation:",
    equivalent: (count) => `${count} with the function of an architecture already evaluated.`,
    invalid: (count, reasons) => `${count} invalid: ${reasons}.`,
    overLimit: (count, examples) => `${count} over the limit, such as ${examples}.`,
    beyondRound: (count) => `${count} past what the round could evaluate.`,
    again: (examples) => `Repeats: ${examples}.`,
  },
  spread: {
    heading: (drawn) => `# Costs of ${drawn} random draws`,
    cost: (cost, range, half) => `${cost} ${range}; middle half ${half}.`,
    within: (share) => `Within the limit: ${share}.`,
  },
  coverage: {
    heading: "# Unseen so far",
    share: (evaluated, size) => `Evaluated: ${evaluated} of ${size} in the space.`,
    never: (list) => `Never evaluated: ${list}.`,
    rare: (list) => `Rare, far below an even share: ${list}.`,
    more: (count) => `; ${count} more`,
    bands: (cost, list) => `Counts over ${cost}: ${list}.`,
  },
  overview: {
    heading: "# Status",
    best: (scene, value, costs, architecture) =>
      `Best so far${within(scene)}: ${value} at ${costs}: ${architecture}`,
    noBest: (scene) => `Best so far${within(scene)}: nothing.`,
    evaluations: (used, left) => `Evaluations used: ${used}; left: ${left}.`,
    limit: (limit) => `Hard limit: ${limit}.`,
    headroom: (cost, best, middle) => {
      const uses = [
        ...(best === null ? [] : [`best ${best}`]),
        ...(middle === null ? [] : [`median of the round ${middle}`]),
      ];
      return `Share of the limit of ${cost} used: ${uses.join("; ")}.`;
    },
    target: (target) => `Target: ${target}.`,
    open: (direction) => `Target: the ${direction}er, the better.`,
  },
  earlier: {
    heading: "# Older rounds",
    reason: "Shortened: the full conversation no longer fits.",
    round: (first, last, evaluated, best) =>
      `R${first === last ? first : `${first} to ${last}`}: evaluated ${evaluated}; best: ${best}`,
    none: "nothing",
    losses: (failed, overLimit) => `Totals: failed evaluations ${failed}; over the limit ${overLimit}.`,
    strategy: "Strategy in force:",
    bestHeading: (count) => `# Top ${count} of all rounds`,
  },
  questions: (metric) => [
    `slot by slot, what the best by ${metric} share and the rest lack`,
    "ranges to sample more, ranges settled, ranges exhausted",
    `the trend of ${metric} over cost; capacity still unused`,
    "next set: near variants of the best, and unseen combinations",
  ],
  generator: {
    role: "Role: Generator in a neural architecture search. You turn a Navigator's strategy into concrete architectures, which are then evaluated.",
    work: (scene) =>
      `# Method\n${numbered([
        scene.promptExtras
          ? "Read the strategy: favoured slots and choices, their shares, what to combine, what to avoid."
          : "Strategy first: read all of it.",
        ...candidateSteps(scene),
      ])}`,
    answer: ({ structured }, form) =>
      [
        "# Output",
        structured
          ? "One JSON object, nothing around it:"
          : "Thoughts first if you like, then the architectures as JSON in one fence:",
        form,
        "Only the form of the example counts, not its choices.",
      ].join("\n\n"),
    request: ({ min, max }, strategy) =>
      [
        "This round's strategy:",
        `<strategy>\n${strategy}\n</strategy>`,
        `Now ${min} to ${max} architectures that follow it: complete, valid, no repeats.`,
      ].join("\n\n"),
    costRevision: ({ min, max }, strategy, draft, more) =>
      [
        "Strategy, again:",
        `<strategy>\n${strategy}\n</strategy>`,
        "Your draft, unevaluated, with exact costs:",
        `${draft}${more === 0 ? "" : `\n(not shown: ${more})`}`,
        `One correction: fix the invalid, replace repeats, move what is over a limit close under it, keep the rest. Full list, same form, ${min} to ${max} architectures: complete, valid, all different.`,
      ].join("\n\n"),
  },
};

// --- internal ---

function within({ isLimited }: Scene): string {
  return isLimited ? ", within the limit" : "";
}

function evaluated({ promptExtras, isLimited, skipsOverLimit }: Scene): string {
  if (!promptExtras) return "They are evaluated; you get the results.";
  const onlyWithin = isLimited && skipsOverLimit ? ", within the limit" : "";
  return `Evaluated is whatever is legal and new${onlyWithin}; you get the scores.`;
}

function strategySteps({ promptExtras }: Scene): string[] {
  return [
    "First rounds wide: distinct regions of the space.",
    "After every round: good against bad. What do the good ones share, per slot and in combination? How does the objective follow cost?",
    ...(promptExtras
      ? [
          "Then narrow to what scores well, with part of each round for untried combinations, named.",
          "Exact names of slots and choices. Nothing that would suit any space.",
        ]
      : ["Then narrow to what scores well."]),
  ];
}

function candidateSteps({ min, max }: Scene): string[] {
  return [
    `Make ${min} to ${max} architectures of it: no two alike, all parts of the strategy covered.`,
    "Check: keys complete, lists of the right length, entries among the choices, probably within the limit.",
  ];
}

function sections({ promptExtras }: Scene): string {
  return [
    "- Summary: where to search now and why; two sentences.",
    "- What worked and why: patterns in the scores, explained (first round: expectations, with reasons).",
    "- Directions: per dimension, which choices in which slots, combined how.",
    ...(promptExtras
      ? [
          "- Ranges: a line per slot that matters: the share of each choice among the architectures.",
          "- Avoid: choices and combinations not worth an evaluation.",
        ]
      : [`Optional after these: ${optionalHeadings}.`]),
  ].join("\n");
}
