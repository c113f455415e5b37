/**
 * The standard wording of the prompts: plain and complete.
 *
 * It holds words alone. Recorded runs are replayed with them letter by letter: a changed letter is another wording.
 */
import { numbered, optionalHeadings, type Scene, type Texts } from "./texts.ts";

export const standard: Texts = {
  problem: {
    heading: "# The problem",
    objective: (direction, metric) => `Objective: ${direction} ${metric}`,
    target: ({ promptExtras }, target) =>
      target === null
        ? "Target: none given; get as far as possible."
        : `Target: ${target}.${promptExtras ? " Reaching it ends the search." : ""}`,
    limit: (limit) => `Strict limit: ${limit}.`,
    budget: (evaluations) => `Budget: ${evaluations} evaluated architectures in all.`,
    nearLimit: ({ promptExtras, skipsOverLimit }) => {
      const over = skipsOverLimit
        ? "is thrown away without being evaluated"
        : "uses up an evaluation and can never win";
      const subject = promptExtras ? `An architecture over a limit ${over}. One` : "An architecture";
      return `${subject} far below the limit leaves capacity unused and is likely worse: aim close under it.`;
    },
  },
  example: (architecture) =>
    `A whole architecture looks like this; its choices mean nothing:\n\n${architecture}`,
  navigator: {
    role: (scene) => {
      const { min, max, promptExtras } = scene;
      return [
        "You are the Navigator of a neural architecture search: an expert in network design who decides where to look next.",
        promptExtras
          ? `You work with a Generator. You never list the next candidates yourself: you write a strategy in words, and the Generator turns it into ${min} to ${max} concrete architectures. The Generator remembers nothing and sees nothing but your latest strategy, so each strategy must stand alone: no "as before", no reference to results it cannot see. ${evaluated(scene)}`
          : `You work with a Generator: you write a strategy in words, and the Generator turns it into ${min} to ${max} concrete architectures. ${evaluated(scene)}`,
      ].join("\n\n");
    },
    work: (scene) => `# How to work\n${numbered(strategySteps(scene))}`,
    answer: (scene, outline) =>
      [
        "# What to write",
        "Answer with the strategy alone, under exactly these headings:",
        outline,
        sections(scene),
      ].join("\n\n"),
    firstFromKnown: ({ min, max }) =>
      `These results cost none of the budget; proposing one of them again is lost. Write the first strategy from them: the first ${min} to ${max} architectures should build on the best and also try what is missing there.`,
    first: ({ min, max }) =>
      `Nothing has been evaluated yet. Write the first strategy, and favour diversity: the first ${min} to ${max} architectures should teach us as much as possible about the space.`,
    next: ({ remembers }) =>
      remembers
        ? "Now refine the strategy. Work out:"
        : "Now write the strategy for the next round from these results. Work out:",
    close: () => "Write the whole strategy under the same headings.",
    noCandidates: "The Generator gave no architectures.",
    repeated: (count) => `${count} repeated an architecture proposed earlier: ask for new combinations.`,
  },
  solo: {
    role: (scene) =>
      [
        "You run a neural architecture search alone: an expert in network design who decides where to look next and proposes the architectures there.",
        `Each round you first reflect, by writing a strategy in words, and then turn that strategy into ${scene.min} to ${scene.max} concrete architectures. ${evaluated(scene)}`,
      ].join("\n\n"),
    work: (scene) => `# How to work\n${numbered([...strategySteps(scene), ...candidateSteps(scene)])}`,
    answer: (scene, outline, form) =>
      [
        "# What to write",
        "First the strategy, under exactly these headings:",
        outline,
        sections(scene),
        scene.structured
          ? "Then the architectures. Answer with one JSON object and nothing else, the strategy being its first member as one text, of this form:"
          : "Then give the architectures in one fenced block of JSON, of this form:",
        form,
        "The example shows the form only; its choices mean nothing.",
      ].join("\n\n"),
    firstFromKnown: ({ min, max }) =>
      `These results cost none of the budget; proposing one of them again is lost. Reflect on them, then give ${min} to ${max} architectures that build on the best and also try what is missing there.`,
    first: ({ min, max }) =>
      `Nothing has been evaluated yet. Reflect on the space, then give ${min} to ${max} architectures, and favour diversity: they should teach us as much as possible about the space.`,
    next: ({ remembers }) =>
      remembers
        ? "Now reflect and refine the strategy. Work out:"
        : "Now reflect, and write the strategy for the next round from these results. Work out:",
    close: ({ min, max }) =>
      `Write the whole strategy under the same headings, then ${min} to ${max} architectures that follow it. Each must be complete and valid, and no two may be the same.`,
    noCandidates: "You gave no architectures.",
    repeated: (count) => `${count} repeated an architecture proposed earlier: look for new combinations.`,
  },
  known: (count, shown) =>
    `# Known before this search: ${shown < count ? `the best ${shown} of ${count} results` : `${count} results`}, best first`,
  opening: {
    heading: "Consider:",
    considerations: ({ promptExtras, isLimited }, dimensions) => [
      `how the choices in ${dimensions} trade capacity against cost, and which early and late slots matter most;`,
      "three or more clearly different families of architectures, each with the pattern that defines it;",
      `which general principles of network design apply here, and which of them are worth testing${promptExtras ? ";" : "."}`,
      ...(promptExtras
        ? [
            isLimited
              ? "how each family can be kept close under the limit: where to spend, and where to save for it."
              : "the whole range from the smallest to the largest architectures, with most of the weight where you expect the best.",
          ]
        : []),
    ],
  },
  results: {
    heading: (round) => `# Results of round ${round}, best first`,
    unused: "null marks an unused slot",
    noneEvaluated: "No architecture of this round could be evaluated.",
    lost: "Not evaluated:",
    equivalent: (count) => `${count} compute the same function as an architecture already evaluated.`,
    invalid: (count, reasons) => `${count} were not valid: ${reasons}.`,
    overLimit: (count, examples) =>
      `${count} were over the limit and not evaluated, for example ${examples}.`,
    beyondRound: (count) => `${count} were more than this round could evaluate.`,
    again: (examples) => `Proposed again: ${examples}.`,
  },
  spread: {
    heading: (drawn) => `# What ${drawn} random architectures cost`,
    cost: (cost, range, half) => `${cost}: ${range}, half of them ${half}.`,
    within: (share) => `${share} of them keep within the limit.`,
  },
  coverage: {
    heading: "# What is still unseen",
    share: (evaluated, size) => `${evaluated} of ${size} architectures of the space have been evaluated.`,
    never: (list) => `Choices that no evaluated architecture has: ${list}.`,
    rare: (list) => `Choices that few have, far below an even share: ${list}.`,
    more: (count) => ` and ${count} more`,
    bands: (cost, list) => `Evaluated by ${cost}: ${list}.`,
  },
  overview: {
    heading: "# Where we stand",
    best: (scene, value, costs, architecture) =>
      `Best${within(scene)}: ${value} with ${costs}: ${architecture}`,
    noBest: (scene) => `Best${within(scene)}: none yet.`,
    evaluations: (used, left) => `Evaluations: ${used} used, ${left} left.`,
    limit: (limit) => `Limit: ${limit}.`,
    headroom: (cost, best, middle) => {
      const uses = [
        ...(best === null ? [] : [`the best uses ${best} of the limit`]),
        ...(middle === null ? [] : [`the middle one of this round's evaluated architectures ${middle}`]),
      ];
      return `Use of ${cost}: ${uses.join("; ")}.`;
    },
    target: (target) => `Target: ${target}.`,
    open: (direction) => `Target: as ${direction} as possible.`,
  },
  earlier: {
    heading: "# Earlier rounds in short",
    reason: "The conversation so far has grown too long to be repeated; this is what it came to.",
    round: (first, last, evaluated, best) =>
      `${first === last ? `Round ${first}` : `Rounds ${first} to ${last}`}: ${evaluated} evaluated, best ${best}`,
    none: "none",
    losses: (failed, overLimit) =>
      `In the whole search ${failed} evaluations failed and ${overLimit} proposed architectures were over the limit.`,
    strategy: "Your latest strategy:",
    bestHeading: (count) => `# The best ${count} of the whole search`,
  },
  questions: (metric) => [
    `what the architectures with the best ${metric} have in common that the others lack, slot by slot;`,
    "which ranges deserve more samples, which are settled and which are exhausted;",
    `how ${metric} moves with cost, and whether there is capacity left to use;`,
    "what the next set should try: close variations of the best, and combinations not seen so far.",
  ],
  generator: {
    role: "You are the Generator of a neural architecture search: you turn a strategy, written by a Navigator, into concrete architectures that are then evaluated.",
    work: (scene) =>
      `# How to work\n${numbered([
        scene.promptExtras
          ? "Read the strategy: which slots and choices it favours, in which shares, what it wants combined and what avoided."
          : "Read the strategy.",
        ...candidateSteps(scene),
      ])}`,
    answer: ({ structured }, form) =>
      [
        "# What to write",
        structured
          ? "Answer with one JSON object and nothing else, of this form:"
          : "You may think aloud first. Then give the architectures in one fenced block of JSON, of this form:",
        form,
        "The example shows the form only; its choices mean nothing.",
      ].join("\n\n"),
    request: ({ min, max }, strategy) =>
      [
        "Here is the strategy for this round:",
        `<strategy>\n${strategy}\n</strategy>`,
        `Give ${min} to ${max} architectures that follow it. Each must be complete and valid, and no two may be the same.`,
      ].join("\n\n"),
    costRevision: ({ min, max }, strategy, draft, more) =>
      [
        "Here is the strategy for this round once more:",
        `<strategy>\n${strategy}\n</strategy>`,
        "You drafted the architectures below. Nothing of them has been evaluated yet, and their costs are exact:",
        `${draft}${more === 0 ? "" : `\n(${more} more of the draft are not shown.)`}`,
        `Correct the draft once: repair what is not valid, replace what was proposed before, bring what is over a limit close under it, and keep what is good. Give the whole list again, ${min} to ${max} architectures in the same form. Each must be complete and valid, and no two may be the same.`,
      ].join("\n\n"),
  },
};

// --- internal ---

function within({ isLimited }: Scene): string {
  return isLimited ? " within the limit" : "";
}

function evaluated({ promptExtras, isLimited, skipsOverLimit }: Scene): string {
  if (!promptExtras) return "They are evaluated, and you are shown the results.";
  const onlyWithin = isLimited && skipsOverLimit ? " and within the limit" : "";
  return `Every one that is legal and new${onlyWithin} is evaluated, and you are shown the scores.`;
}

function strategySteps({ promptExtras }: Scene): string[] {
  return [
    "Start broad: make the first rounds cover clearly different regions of the space.",
    "After each round, compare the good architectures with the bad ones. Look for what the good ones share, slot by slot and in combination, and for how the objective moves with cost.",
    ...(promptExtras
      ? [
          "Narrow towards what scores well, but keep a part of every round for combinations that have not been tried. Say which.",
          "Be concrete: name slots and choices exactly as the space writes them. A strategy that fits any space is worth nothing.",
        ]
      : ["Narrow towards what scores well."]),
  ];
}

function candidateSteps({ min, max }: Scene): string[] {
  return [
    `Write ${min} to ${max} architectures that realise it, different from each other and spread over everything the strategy asks for.`,
    "Check each: every key there, every list of the right length, every entry one of the choices, likely within the limit.",
  ];
}

function sections({ promptExtras }: Scene): string {
  return [
    "- Summary: two sentences, the region to search now and why.",
    "- What worked and why: patterns in the scores and your explanation (in the first round: your expectations and the reasons for them).",
    "- Directions: for each dimension, which choices to use in which slots, and what to combine.",
    ...(promptExtras
      ? [
          "- Ranges: one line for each slot that matters, with the share of architectures in which it should hold each choice.",
          "- Avoid: choices and combinations that waste evaluations.",
        ]
      : [`Where it helps, these sections may follow: ${optionalHeadings}.`]),
  ].join("\n\n");
}
