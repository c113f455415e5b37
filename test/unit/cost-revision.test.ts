/** The cost revision: what a Generator is shown of its draft, and what becomes of its answer. */
import { describe, expect, it } from "vitest";
import { UsageError } from "../../src/errors.ts";
import { informSchema, type SearchConfig } from "../../src/search/events.ts";
import type { ChatRequest } from "../../src/search/ports.ts";
import { funnel } from "../../src/search/funnel.ts";
import { replaySearch } from "../../src/search/replay.ts";
import { collm } from "../../src/searchers/collm.ts";
import { checkSettings } from "../../src/searchers/registry.ts";
import { solo } from "../../src/searchers/solo.ts";
import { limitFor, search } from "../contract/searcher.ts";
import { bodies, setUp } from "../support/core-ports.ts";
import { MemoryEvaluator } from "../support/memory-evaluator.ts";
import { playedRoles } from "../support/played-roles.ts";
import { ScriptedChat, type ScriptedReply } from "../support/scripted-chat.ts";
import { tinyDescription, tinySpace } from "../support/tiny-space.ts";
import { vectorSpaces } from "../support/vector-spaces.ts";

const tiny = tinySpace();
const smallest = { depth: [1, 1], width: [16, 16, 16, 16] };
const next = { depth: [1, 1], width: [24, 16, 16, 16] };
const wide = { depth: [2, 1], width: [24, 32, 32, 16] };
const widest = { depth: [2, 2], width: [32, 32, 32, 32] };
const everyName = [tinyDescription, ...[...vectorSpaces.values()].map(({ description }) => description)].map(
  (description) => [description.id, description] as const,
);

const answer = (...architectures: unknown[]) => JSON.stringify({ architectures });

async function played(
  replies: readonly ScriptedReply[],
  changes: Partial<SearchConfig> = {},
  evaluator = new MemoryEvaluator(),
) {
  const generator = new ScriptedChat(replies);
  const { journal, run } = await setUp({
    searcher: collm,
    evaluator,
    models: {
      navigator: new ScriptedChat(({ round }) => `Strategy of round ${round}, in some words.`),
      generator,
    },
    search: { rounds: 1, costRevision: true, ...changes },
  });
  const state = await run();
  return { generator, journal, state };
}

/** The draft as the last cost revision shows it. */
function shown({ requests }: ScriptedChat): string[] {
  const text = requests.at(-1)?.messages.at(-1)?.content ?? "";
  return text.split("\n").filter((line) => /^\d+\. /.test(line));
}

describe("the request", () => {
  it("shows the whole draft with exact costs, known results, what is over the limit, and what is not valid", async () => {
    const draft = [
      smallest,
      next,
      { depth: [2, 2], width: [16, 16, 16, 16] },
      widest,
      next,
      { depth: [9, 1] },
    ];
    const { generator } = await played([answer(smallest), answer(smallest), answer(...draft), answer(next)], {
      rounds: 2,
      limits: { flops_m: 40 },
    });
    expect(shown(generator)).toEqual([
      '1. proposed before, accuracy 88.6876: {"depth": [1, 1], "width": [[16, 16], [16, 16]]}',
      '2. flops_m 20 (50% of the limit), params_m 0.625: {"depth": [1, 1], "width": [[24, 16], [16, 16]]}',
      '3. flops_m 32 (80% of the limit), params_m 1: {"depth": [2, 2], "width": [[16, 16], [16, 16]]}',
      '4. flops_m 64 (over the limit of 40 by 24), params_m 2: {"depth": [2, 2], "width": [[32, 32], [32, 32]]}',
      '5. the same as 2: {"depth": [1, 1], "width": [[24, 16], [16, 16]]}',
      expect.stringMatching(/^6\. not valid \(.*9.*\): \{"depth":\[9,1\]\}$/) as string,
    ]);
    const [first, second] = generator.requests.slice(-2) as [ChatRequest, ChatRequest];
    expect(second.messages[0]).toEqual(first.messages[0]);
    expect(second.messages).toHaveLength(2);
    expect(second.schema).toEqual(first.schema);
    expect(second.seed).not.toBe(first.seed);
    expect(second.messages[1]?.content).toContain(
      "<strategy>\nStrategy of round 2, in some words.\n</strategy>",
    );
    expect(second.messages[1]?.content).toContain("2 to 5 architectures in the same form");
  });

  it("tells of an architecture that computes what an evaluated one does, where it would be left out", async () => {
    const same = () => new MemoryEvaluator({ equivalenceKey: () => "all alike" });
    const replies = [answer(smallest), answer(smallest), answer(next), answer(next)];
    const skipping = await played(replies, { rounds: 2, equivalent: "skip" }, same());
    expect(shown(skipping.generator)[0]).toMatch(/^1\. computes the same function .*, accuracy 88\.6876: /);
    const taking = await played(replies, { rounds: 2 }, same());
    expect(shown(taking.generator)[0]).toMatch(/^1\. flops_m 20, params_m 0\.625: /);
  });

  it("stays bounded however long a draft is, and says how much it leaves out", async () => {
    const all = [...tiny.all()].map(({ text }) => text);
    const { generator } = await played([answer(...all), answer(smallest)]);
    expect(shown(generator)).toHaveLength(10);
    expect(generator.requests.at(-1)?.messages.at(-1)?.content).toContain("(134 more of the draft");
    const junk = { depth: "x".repeat(50_000) };
    const { generator: strange } = await played([answer(junk), answer(smallest)]);
    expect(shown(strange)[0]?.length).toBeLessThan(2_000);
  });
});

describe("the answer", () => {
  it("is what is judged, in place of the draft", async () => {
    const { state, journal } = await played([answer(widest, smallest), answer(wide)], {
      limits: { flops_m: 50 },
    });
    expect(state.rounds[0]?.candidates.map(({ raw }) => raw)).toEqual([wide]);
    const [costs] = bodies(journal.events, "costs-measured");
    expect(costs?.measured.map((each) => each.costs["flops_m"])).toEqual([64, 16]);
    expect((await replaySearch(journal.events, collm)).complete).toBe(true);
  });

  it("may be unreadable: the draft is kept", async () => {
    const { state, journal } = await played([answer(smallest, next), "No.", "Still no."]);
    expect(state.rounds[0]?.candidates.map(({ raw }) => raw)).toEqual([smallest, next]);
    expect(bodies(journal.events, "reply-rejected")).toHaveLength(2);
    expect((await replaySearch(journal.events, collm)).complete).toBe(true);
  });

  it("is not asked for without a draft, without the setting, or without hints", async () => {
    const unread = await played([answer(smallest), answer(smallest), "No.", "Still no."], { rounds: 2 });
    expect(unread.generator.requests.filter(({ round }) => round === 2)).toHaveLength(2);
    const strict = await played([answer(smallest)], { promptExtras: false });
    expect(strict.generator.requests).toHaveLength(1);
    const { journal, run } = await setUp({
      searcher: collm,
      models: playedRoles(),
      search: { rounds: 1 },
    });
    await run();
    expect(bodies(journal.events, "chat-replied")).toHaveLength(2);
    expect(bodies(journal.events, "costs-measured")).toHaveLength(0);
  });
});

describe("whole runs", () => {
  it.each(everyName)("with everything on in %s are played, and replay", async (_, description) => {
    const space = vectorSpaces.get(description.id) ?? tiny;
    const settings: Partial<SearchConfig> = {
      inform: [...informSchema.options],
      costRevision: true,
      limits: limitFor(space, 0.5),
      budget: 40,
      rounds: null,
    };
    for (const memory of [
      { navigator: true, generator: false },
      { navigator: false, generator: true },
    ]) {
      const { state, events } = await search(collm, description, { search: { ...settings, memory } });
      expect(funnel(state)).toMatchObject({ evaluated: 40, illegal: 0, unreadable: 0 });
      expect(state.ended).toBe("budget");
      expect(await replaySearch(events, collm)).toMatchObject({ complete: true });
    }
    const { costRevision: _none, ...others } = settings;
    const alone = await search(solo, description, { search: others });
    expect(alone.state.ended).toBe("budget");
    expect(await replaySearch(alone.events, solo)).toMatchObject({ complete: true });
  });
});

it("is refused where one model plays alone, in a portfolio too", () => {
  const refused = (settings: Parameters<typeof checkSettings>[1]) => () => checkSettings(tiny, settings);
  expect(refused({ searcher: "solo", costRevision: true })).toThrow(UsageError);
  expect(refused({ searcher: "solo", costRevision: true })).toThrow(/costRevision: "solo" .*"collm"/);
  expect(refused({ searcher: "portfolio", early: "solo", costRevision: true })).toThrow(/costRevision/);
  expect(refused({ searcher: "solo" })).not.toThrow();
  expect(refused({ searcher: "collm", costRevision: true })).not.toThrow();
  expect(refused({ searcher: "random", costRevision: true })).not.toThrow();
});
