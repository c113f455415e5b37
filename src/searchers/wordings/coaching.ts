/**
 * The coaching wording of the prompts: speaks to a colleague, and gives reasons for its requests.
 *
 * It holds words alone.
 */
import { numbered, optionalHeadings, type Scene, type Texts } from "./texts.ts";

export const coaching: Texts = {
  problem: {
    heading: "# What we are after",
    objective: (direction, metric) => `We want to ${direction} ${metric}`,
    target: ({ promptExtras }, target) =>
      target === null
        ? "Nobody has set a goal, so let us see how far we get."
        : `Our goal is ${target}.${promptExtras ? " Once we are there, the search is over." : ""}`,
    limit: (limit) => `One rule is strict: ${limit}.`,
    budget: (evaluations) => `We can afford ${evaluations} evaluated architectures altogether.`,
    nearLimit: ({ promptExtras, skipsOverLimit }) => {
      const over = skipsOverLimit
        ? "Whatever exceeds a limit is put aside unevaluated. "
        : "Whatever exceeds a limit costs us an evaluation and still cannot win. ";
      return `${promptExtras ? over : ""}Think of a limit as room to be used: an architecture that stays far below it gives capacity away and will likely do worse, so come close to it from below.`;
    },
  },
  example: (architecture) =>
    `So that you can picture one, here is a whole architecture (do not read anything into its choices):\n\n${architecture}`,
  navigator: {
    role: (scene) => {
      const { min, max, promptExtras } = scene;
      return [
        "Welcome to our neural architecture search. You know network design well, so you are our Navigator: you look at what we have learnt and decide where we go next.",
        promptExtras
          ? `Beside you works a Generator. Leave the listing of candidates to it: you explain in words what you have in mind, as a strategy, and the Generator makes ${min} to ${max} concrete architectures out of it. Write for a colleague without memory: the Generator has only your latest strategy before it, so spell everything out, and do not lean on earlier strategies or on results that it never saw. ${evaluated(scene)}`
          : `Beside you works a Generator: you explain in words what you have in mind, as a strategy, and the Generator makes ${min} to ${max} concrete architectures out of it. ${evaluated(scene)}`,
      ].join("\n\n");
    },
    work: (scene) => `# How to go about it\n${numbered(strategySteps(scene))}`,
    answer: (scene, outline) =>
      [
        "# How to hand it in",
        "Please send your strategy and nothing besides, and keep to these headings to the letter:",
        outline,
        sections(scene),
      ].join("\n\n"),
    firstFromKnown: ({ min, max }) =>
      `We begin with a gift: these results cost us none of the budget, and proposing one of them again would be lost. Please write your first strategy from them: let the first ${min} to ${max} architectures build on the best, and try what is missing there too.`,
    first: ({ min, max }) =>
      `We have not evaluated anything yet, so this is the moment for curiosity. Please write your first strategy, and let variety lead: from the first ${min} to ${max} architectures we want to learn as much about the space as we can.`,
    next: ({ remembers }) =>
      remembers
        ? "Take a moment with these results, then improve your strategy. Ask yourself:"
        : "Take a moment with these results, then write the strategy for the coming round. Ask yourself:",
    close: () =>
      "When you have your answers, please write the strategy out in full, under the headings you know.",
    noCandidates: "The Generator came back without architectures.",
    repeated: (count) =>
      `${count} had been proposed already, and we learn nothing twice: please ask for new combinations.`,
  },
  solo: {
    role: (scene) =>
      [
        "Welcome to our neural architecture search. You know network design well, so it is in your hands: you decide where we go next, and you propose the architectures there.",
        `Think before you build. In each round you put down in words what you have in mind, as a strategy, and only then make ${scene.min} to ${scene.max} concrete architectures out of it. ${evaluated(scene)}`,
      ].join("\n\n"),
    work: (scene) => `# How to go about it\n${numbered([...strategySteps(scene), ...candidateSteps(scene)])}`,
    answer: (scene, outline, form) =>
      [
        "# How to hand it in",
        "Your strategy comes first; please keep to these headings to the letter:",
        outline,
        sections(scene),
        scene.structured
          ? "Your architectures come after it. Please put both into a single JSON object with nothing around it, your strategy as one text in it, like this:"
          : "Your architectures come after it. Please put them as JSON into one fenced block, like this:",
        form,
        "Look only at the shape of this example: the choices in it were picked without a thought.",
      ].join("\n\n"),
    firstFromKnown: ({ min, max }) =>
      `We begin with a gift: these results cost us none of the budget, and proposing one of them again would be lost. Please reflect on them, then propose ${min} to ${max} architectures that build on the best, and try what is missing there too.`,
    first: ({ min, max }) =>
      `We have not evaluated anything yet, so this is the moment for curiosity. Please reflect on the space, then propose ${min} to ${max} architectures, and let variety lead: we want to learn as much about the space as we can.`,
    next: ({ remembers }) =>
      remembers
        ? "Take a moment to reflect on these results, then improve your strategy. Ask yourself:"
        : "Take a moment to reflect on these results, then write the strategy for the coming round. Ask yourself:",
    close: ({ min, max }) =>
      `When you have your answers, please write the strategy out in full, under the headings you know, and follow it with ${min} to ${max} architectures. See that each one is complete and valid, and that none comes twice.`,
    noCandidates: "You came back without architectures.",
    repeated: (count) =>
      `${count} you had proposed already, and we learn nothing twice: please try new combinations.`,
  },
  known: (count, shown) =>
    `# What we know already, best first: ${shown < count ? `the top ${shown} of ${count} results` : `${count} results`}`,
  opening: {
    heading: "Some things to turn over in your mind:",
    considerations: ({ promptExtras, isLimited }, dimensions) => [
      `What do the choices in ${dimensions} buy us in capacity, and what do they cost? Where does it matter more, in early or in late slots?`,
      "Can you imagine three or more families of architectures that really differ, and say what makes each of them one?",
      "Which principles of network design would you trust here, and which would you rather put to the test?",
      ...(promptExtras
        ? [
            isLimited
              ? "How could each family end up close under the limit: where would you spend, and where save for it?"
              : "How could we see everything from the smallest to the largest architectures, and still look most where you expect the best?",
          ]
        : []),
    ],
  },
  results: {
    heading: (round) => `# What round ${round} brought, best first`,
    unused: "where you see null, the slot is not in use",
    noneEvaluated: "This round had no architecture that could be evaluated.",
    lost: "These we could not evaluate:",
    equivalent: (count) => `${count} would compute the very function of an architecture we have evaluated.`,
    invalid: (count, reasons) => `${count} were no valid architectures: ${reasons}.`,
    overLimit: (count, examples) =>
      `${count} went over the limit and so were left unevaluated, among them ${examples}.`,
    beyondRound: (count) => `${count} did not fit into this round any more.`,
    again: (examples) => `These had come before, so we knew the answer: ${examples}.`,
  },
  spread: {
    heading: (drawn) => `# To give you a feeling: what ${drawn} architectures drawn at random cost`,
    cost: (cost, range, half) => `For ${cost} we saw ${range}, and half of them were ${half}.`,
    within: (share) => `Of these draws, ${share} would be within our limit.`,
  },
  coverage: {
    heading: "# Where we have not looked yet",
    share: (evaluated, size) => `We have evaluated ${evaluated} of the ${size} architectures there are.`,
    never: (list) => `We know nothing at all about these choices, as nothing evaluated has them: ${list}.`,
    rare: (list) => `We know little about these, which came far less often than evenly: ${list}.`,
    more: (count) => `, besides ${count} more`,
    bands: (cost, list) => `Sorted by ${cost}, we have evaluated: ${list}.`,
  },
  overview: {
    heading: "# Where this leaves us",
    best: (scene, value, costs, architecture) =>
      `The best we have${within(scene)}: ${value}, for ${costs}: ${architecture}`,
    noBest: (scene) => `The best we have${within(scene)}: nothing yet, but that can change.`,
    evaluations: (used, left) => `Evaluations: we have spent ${used} and have ${left} more.`,
    limit: (limit) => `The limit to keep: ${limit}.`,
    headroom: (cost, best, middle) => {
      const uses = [
        ...(best === null ? [] : [`our best takes up ${best} of the room`]),
        ...(middle === null ? [] : [`in this round the one in the middle took up ${middle}`]),
      ];
      return `How far we use the limit of ${cost}: ${uses.join("; ")}.`;
    },
    target: (target) => `The goal: ${target}.`,
    open: (direction) => `The goal: as ${direction} as we can get.`,
  },
  earlier: {
    heading: "# How we came here",
    reason: "Our conversation has become too long to send again, so let me recall what matters of it.",
    round: (first, last, evaluated, best) =>
      `${first === last ? `In round ${first}` : `In rounds ${first} to ${last}`}: we evaluated ${evaluated}, and the best was ${best}`,
    none: "nothing so far",
    losses: (failed, overLimit) =>
      `Along the way ${failed} evaluations failed, and ${overLimit} architectures went over the limit.`,
    strategy: "This is the strategy you last gave us:",
    bestHeading: (count) => `# The ${count} best we have found in all our rounds`,
  },
  questions: (metric) => [
    `Going through the slots, what do the architectures with the best ${metric} share that the rest do not?`,
    "Which ranges would you like to see more of, which are decided, and which have nothing more to give?",
    `What happens to ${metric} as cost grows, and is there capacity that we leave on the table?`,
    "What should come next: which small changes to the best, and which combinations that nobody has seen?",
  ],
  generator: {
    role: "Welcome to our neural architecture search. You are our Generator: a Navigator has put a strategy into words, and you make concrete architectures out of them, which we then evaluate.",
    work: (scene) =>
      `# How to go about it\n${numbered([
        scene.promptExtras
          ? "Take in the strategy first: which slots and choices does it favour, and in which shares? What should go together, and what should not?"
          : "Take in the strategy first.",
        ...candidateSteps(scene),
      ])}`,
    answer: ({ structured }, form) =>
      [
        "# How to hand it in",
        structured
          ? "Please answer with a single JSON object and nothing around it, like this:"
          : "Feel free to think aloud. After that, please put the architectures as JSON into one fenced block, like this:",
        form,
        "Look only at the shape of this example: the choices in it were picked without a thought.",
      ].join("\n\n"),
    request: ({ min, max }, strategy) =>
      [
        "This is what the Navigator has in mind for the round:",
        `<strategy>\n${strategy}\n</strategy>`,
        `Please make ${min} to ${max} architectures in its spirit. See that each one is complete and valid, and that none comes twice.`,
      ].join("\n\n"),
    costRevision: ({ min, max }, strategy, draft, more) =>
      [
        "Let us look at your draft together before we evaluate any of it. First, the strategy again:",
        `<strategy>\n${strategy}\n</strategy>`,
        "And here is what you drafted, now that we know exactly what each would cost:",
        `${draft}${more === 0 ? "" : `\n(We left out ${more} more of your draft here.)`}`,
        `You may change your mind once. Please mend what is not valid, find something else in place of what we know already, bring whatever exceeds a limit down until it just fits, and leave alone what you like. Then write the whole list again in the same form, ${min} to ${max} architectures. See that each one is complete and valid, and that none comes twice.`,
      ].join("\n\n"),
  },
};

// --- internal ---

function within({ isLimited }: Scene): string {
  return isLimited ? " within the limit" : "";
}

function evaluated({ promptExtras, isLimited, skipsOverLimit }: Scene): string {
  if (!promptExtras) return "We evaluate them and show you what came out.";
  const onlyWithin = isLimited && skipsOverLimit ? ", and within the limit," : "";
  return `Whatever among them is legal and new${onlyWithin} we evaluate, and you will see the scores.`;
}

function strategySteps({ promptExtras }: Scene): string[] {
  return [
    "Begin wide, because we cannot choose between regions that we have never seen: let the first rounds visit clearly different ones.",
    "After a round, put the good architectures beside the bad ones. What unites the good ones, in single slots and in combinations? What does the objective do as cost changes?",
    ...(promptExtras
      ? [
          "Then move in on what scores well. Keep some of every round for combinations nobody has tried, so that we do not get stuck, and say which ones you mean.",
          "Be specific, since only that can be acted on: call slots and choices by the names that the space gives them. If your advice would suit any space, it says nothing about this one.",
        ]
      : ["Then move in on what scores well."]),
  ];
}

function candidateSteps({ min, max }: Scene): string[] {
  return [
    `Make ${min} to ${max} architectures in which the strategy comes alive. Let them differ, so that each teaches us something, and let none of its ideas go missing.`,
    "Go over each once more: are all keys there, all lists as long as they should be, all entries among the choices, and does it likely keep within the limit?",
  ];
}

function sections({ promptExtras }: Scene): string {
  return [
    "- Under Summary, tell us in two sentences where we should look now, and why there.",
    "- Under What worked and why, share the patterns you see in the scores and how you explain them (in the first round: what you expect, and for which reasons).",
    "- Under Directions, go through the dimensions: which choices belong into which slots, and what belongs together?",
    ...(promptExtras
      ? [
          "- Under Ranges, give each slot that matters a line: in what share of the architectures should it hold which choice?",
          "- Under Avoid, warn us of choices and combinations that would be a waste of evaluations.",
        ]
      : [`If it helps your reader, you may add any of these sections: ${optionalHeadings}.`]),
  ].join("\n");
}
