/** What a search asks its roles, what they remember, and what a searcher sees in its turn. */
import { describe, expect, it } from "vitest";
import { UnusableReply, UsageError } from "../../src/errors.ts";
import type { ChatRequest, Turn } from "../../src/search/ports.ts";
import type { Architecture } from "../../src/search/architecture.ts";
import { spend } from "../../src/search/spend.ts";
import { funnel } from "../../src/search/funnel.ts";
import { budgetSpent } from "../../src/search/progress.ts";
import { bodies, setUp } from "../support/core-ports.ts";
import { MemoryEvaluator, evaluatorWith } from "../support/memory-evaluator.ts";
import { type ChatScript, ScriptedChat } from "../support/scripted-chat.ts";
import { askingSearcher, scriptedSearcher } from "../support/scripted-searcher.ts";
import { cheapestFirst, middle, narrow, wide } from "../support/tiny-architectures.ts";
import { tinySpace } from "../support/tiny-space.ts";

const space = tinySpace();

describe("asking a role", () => {
  const proposal = (...texts: string[]) => JSON.stringify(texts);
  const asking = async (
    navigator: ChatScript,
    generator: ChatScript,
    search: Parameters<typeof setUp>[0]["search"] = {},
  ) => {
    const models = {
      navigator: new ScriptedChat(navigator, "N"),
      generator: new ScriptedChat(generator, "G"),
    };
    return { models, ...(await setUp({ searcher: askingSearcher, models, search })) };
  };
  const said = ({ messages }: ChatRequest) => messages.map(({ role, content }) => `${role}: ${content}`);

  const conversation = {
    navigator: [
      ["system: You navigate.", "user: Navigate round 1."],
      ["user: Navigate round 2."],
      ["user: Navigate round 3."],
    ],
    generator: [
      ["system: You generate.", 'user: Generate round 1 after "first".'],
      ['user: Generate round 2 after "second".'],
      ['user: Generate round 3 after "third".'],
    ],
  };
  const replies = {
    navigator: ["first", "second", "third"],
    generator: [proposal(narrow), proposal(middle), proposal(wide)],
  };

  const memories = [true, false].flatMap((navigator) =>
    [true, false].map((generator) => ({ navigator, generator })),
  );
  it.each(memories)("sends the messages of earlier rounds to the roles that remember: %o", async (memory) => {
    const { models, run, journal } = await asking(replies.navigator, replies.generator, {
      memory,
      budget: 3,
    });
    await run();
    for (const role of ["navigator", "generator"] as const) {
      const own = conversation[role];
      const system = own[0]?.[0] ?? "";
      const expected = own.map((_, round) =>
        memory[role]
          ? own
              .slice(0, round + 1)
              .flatMap((messages, earlier) => [
                ...messages,
                ...(earlier < round ? [`assistant: ${replies[role][earlier]}`] : []),
              ])
          : [system, own[round]?.at(-1)],
      );
      expect(models[role].requests.map(said)).toEqual(expected);
      const recorded = bodies(journal.events, "chat-replied").filter((event) => event.role === role);
      expect(recorded.map(({ carried, added }) => carried + added.length)).toEqual(
        expected.map(({ length }) => length),
      );
      expect(recorded.map(({ carried }) => carried)).toEqual(memory[role] ? [0, 3, 5] : [0, 0, 0]);
    }
  });

  it("hands over round, attempt and schema, and a seed of its own to every request", async () => {
    const { models, run } = await asking(["?", "first", "second"], ["?", "?", proposal(narrow)], {
      budget: 1,
    });
    await run();
    const requests = [...models.navigator.requests, ...models.generator.requests];
    expect(requests.map(({ role, round, attempt }) => `${role} ${round}.${attempt}`)).toEqual([
      "navigator 1.1",
      "navigator 1.2",
      "navigator 2.1",
      "generator 1.1",
      "generator 1.2",
      "generator 2.1",
    ]);
    expect(new Set(requests.map(({ seed }) => seed)).size).toBe(6);
    expect(models.generator.requests.map(({ schema }) => schema)).toEqual(
      [1, 1, 2].map(() => ({ type: "array" })),
    );
    expect(models.navigator.requests.every(({ schema }) => schema === null)).toBe(true);
  });

  it("asks once more with every reason, and counts both replies", async () => {
    const { models, run, journal } = await asking(
      ["first", "second"],
      ["? what", proposal(narrow), proposal(middle)],
      { budget: 2 },
    );
    const state = await run();
    expect(said(models.generator.requests[1] as ChatRequest)).toEqual([
      "system: You generate.",
      'user: Generate round 1 after "first".',
      "assistant: ? what",
      expect.stringMatching(/^user: [^]*- it begins with a question mark\n- it says \? what\n/),
    ]);
    expect(bodies(journal.events, "reply-rejected")).toMatchObject([
      {
        role: "generator",
        round: 1,
        attempt: 1,
        reasons: ["it begins with a question mark", "it says ? what"],
      },
    ]);
    expect(
      bodies(journal.events, "chat-replied").map(({ role, attempt, carried, added }) => [
        role,
        attempt,
        carried,
        added.length,
      ]),
    ).toEqual([
      ["navigator", 1, 0, 2],
      ["generator", 1, 0, 2],
      ["generator", 2, 3, 1],
      ["navigator", 1, 3, 1],
      ["generator", 1, 0, 2],
    ]);
    expect(spend(state)).toMatchObject({
      chatCalls: 5,
      rejectedReplies: 1,
      inputTokens: 50,
      outputTokens: 25,
    });
    expect(state.chats.map(({ rejected }) => rejected?.length ?? 0)).toEqual([0, 2, 0, 0, 0]);
    expect(funnel(state).evaluated).toBe(2);
  });

  it("remembers the rejected reply and the reasons where a role remembers", async () => {
    const { models, run } = await asking(["?", "first", "second"], [proposal(narrow), proposal(middle)], {
      budget: 2,
    });
    await run();
    expect(models.navigator.requests[2]?.messages.map(({ role }) => role)).toEqual([
      "system",
      "user",
      "assistant",
      "user",
      "assistant",
      "user",
    ]);
    expect(models.navigator.requests[2]?.messages.slice(0, 5)).toEqual([
      ...(models.navigator.requests[1]?.messages ?? []),
      { role: "assistant", content: "first" },
    ]);
  });

  it("continues without an answer when the second reply cannot be read either", async () => {
    const { run, journal } = await asking(["? a", "? b", "second"], [proposal(narrow), proposal(middle)], {
      budget: 2,
    });
    const state = await run();
    expect(bodies(journal.events, "strategy-set").map(({ round, text }) => [round, text])).toEqual([
      [2, "second"],
    ]);
    expect(state.ended).toBe("budget");
    expect(spend(state).rejectedReplies).toBe(2);
  });

  it("gives the model up when none of its replies can be read for as many rounds as a stall takes", async () => {
    const { run, journal } = await asking(
      (_, index) => `strategy ${index}`,
      () => "? no",
      { stallRounds: 2 },
    );
    await expect(run()).rejects.toThrow(UnusableReply);
    await expect(run()).rejects.toThrow(
      /no reply of .* could be read in the last 2 rounds \(it begins with a question mark\)/,
    );
    expect(bodies(journal.events, "round-closed")).toHaveLength(2);
    expect(journal.events.some(({ type }) => type === "run-ended")).toBe(false);
  });

  it("ends as stalled when replies are read but hold nothing new", async () => {
    const { run } = await asking(
      (_, index) => `strategy ${index}`,
      () => proposal(narrow),
      { stallRounds: 2 },
    );
    expect((await run()).ended).toBe("stalled");
  });

  it("records the reasoning and never sends it back", async () => {
    const reply = (content: string) => ({ content, reasoning: "secret thoughts" });
    const { models, run, journal } = await asking(
      [reply("first"), reply("second")],
      [reply(proposal(narrow)), reply(proposal(middle))],
      { budget: 2, memory: { navigator: true, generator: true } },
    );
    await run();
    expect(
      bodies(journal.events, "chat-replied").every((event) => event.reply.reasoning === "secret thoughts"),
    ).toBe(true);
    expect(JSON.stringify([models.navigator.requests, models.generator.requests])).not.toContain("secret");
  });

  it("survives half a character in a reply", async () => {
    const { run } = await asking(["first \ud800", "second"], [proposal(narrow), proposal(middle)], {
      budget: 2,
    });
    expect((await run()).ended).toBe("budget");
  });

  it("says that a model is missing when none was set up", async () => {
    const { run } = await setUp({ searcher: askingSearcher });
    await expect(run()).rejects.toThrow(
      new UsageError('searcher "asking" asks the navigator, but no model was set up'),
    );
  });

  it("lets a model's own error through", async () => {
    const { run, journal } = await asking([new TypeError("a bug")], []);
    await expect(run()).rejects.toThrow(new TypeError("a bug"));
    expect(journal.events).toHaveLength(1);
  });
});

describe("a turn", () => {
  it("gives costs in the order asked, once a run and architecture, and records what was new", async () => {
    const asked: (readonly string[])[] = [];
    const evaluator = new MemoryEvaluator();
    const watched = evaluatorWith(
      {
        measureCosts: (request, signal) => {
          asked.push(request.texts);
          return evaluator.measureCosts(request, signal);
        },
      },
      evaluator,
    );
    const [first, second, third] = cheapestFirst.slice(0, 3).map((text) => space.fromText(text)) as [
      Architecture,
      Architecture,
      Architecture,
    ];
    const told: string[][] = [];
    const { run, journal } = await setUp({
      evaluator: watched,
      search: { budget: 2 },
      searcher: scriptedSearcher(async (turn) => {
        for (const list of [[second, first, second], [], [third, first]])
          told.push((await turn.costs(list)).map(({ text }) => text));
        return turn.round === 1 ? [first.text] : [third.text];
      }),
    });
    await run();
    expect(told).toEqual(
      [1, 2].flatMap(() =>
        [[second, first, second], [], [third, first]].map((list) => list.map(({ text }) => text)),
      ),
    );
    expect(asked).toEqual([[second.text, first.text], [third.text]]);
    expect(
      bodies(journal.events, "costs-measured").map(({ round, measured }) => [
        round,
        measured.map(({ text }) => text),
      ]),
    ).toEqual([
      [1, [second.text, first.text]],
      [1, [third.text]],
    ]);
  });

  it("shows the state as it is at every moment", async () => {
    const seen: unknown[] = [];
    const { run } = await setUp({
      search: { budget: 2, stallRounds: 1 },
      searcher: scriptedSearcher(async (turn) => {
        await turn.setStrategy(`strategy ${turn.round}`);
        seen.push([turn.state.rounds.at(-1)?.strategy, budgetSpent(turn.state)]);
        return turn.round === 1 ? [narrow] : [middle];
      }),
    });
    await run();
    expect(seen).toEqual([
      ["strategy 1", 0],
      ["strategy 2", 1],
    ]);
  });

  it("draws from a stream that depends on seed, round and label alone", async () => {
    const draws = async (seed: number) => {
      const drawn: string[] = [];
      const { run } = await setUp({
        search: { seed, rounds: 2 },
        searcher: scriptedSearcher((turn: Turn) => {
          for (const label of ["a", "b"]) {
            const random = turn.random(label);
            drawn.push(Array.from({ length: 5 }, () => random.below(1_000)).join());
          }
          return [space.sample(turn.random("a")).text];
        }),
      });
      await run();
      return drawn;
    };
    const drawn = await draws(7);
    expect(drawn).toEqual(await draws(7));
    expect(new Set([...drawn, ...(await draws(8))]).size).toBe(8);
  });
});
