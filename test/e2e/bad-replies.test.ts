/** A search whose model answers badly: what is asked again, what is read in part, and when it ends. */
import { describe, expect, test } from "vitest";
import { collmNas, events } from "../support/cli.ts";
import { type Answer, chat, fencedJson, nullContent, truncatedJson } from "../support/model-server.ts";
import {
  expectWholeSearch,
  good,
  isForGenerator,
  rounds,
  search,
  serve,
  server,
} from "../support/model-searches.ts";

const cells = (count: number) => Array.from({ length: count }, (_, index) => ({ op: cell(index) }));
const operations = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"];
const cell = (number: number) =>
  Array.from({ length: 6 }, (_, edge) => operations[Math.floor(number / 5 ** edge) % 5]);

describe("an answer that cannot be read", () => {
  // The Generator's first request is number 1, its repetition number 2.
  test.each<[string, Answer]>([
    ["null content, a refusal", nullContent("refusal")],
    ["null content, a call of tools", nullContent("tool calls")],
    ["empty content", chat("")],
    ["prose", chat("I would rather talk about something else today.")],
    [
      "JSON cut off in its first architecture",
      chat('{"architectures": [{"op": ["none", "no', { finishReason: "length" }),
    ],
    ["an empty list", chat('{"architectures": []}')],
  ])("%s is asked for once more with the reasons, and counted", async (_what, answer) => {
    const { baseUrl, requests } = await server({ 1: answer });
    const result = await search(baseUrl);
    expectWholeSearch(result);
    expect(rounds(result.run)).toBe(2);
    expect(result.summary.spend).toMatchObject({ rejectedReplies: 1, chatCalls: 5 });
    expect(requests[2]?.body.messages?.at(-1)?.["content"]).toContain("could not be used");
    expect(result.ended.stderr).toContain("the generator's reply could not be read: asking once more");
    expect((await collmNas(["replay", result.run])).code).toBe(0);
  });

  test("twice in a row costs the Generator its round, and the search goes on", async () => {
    const { baseUrl } = await server({ 1: nullContent("refusal"), 2: chat("no") });
    const result = await search(baseUrl);
    expectWholeSearch(result);
    expect(rounds(result.run)).toBe(3);
    expect(result.summary.spend.rejectedReplies).toBe(2);
  });

  test("twice in a row from the Navigator leaves the last strategy in force", async () => {
    const { baseUrl, requests } = await server({ 2: nullContent("refusal"), 3: chat("") });
    const result = await search(baseUrl);
    expectWholeSearch(result);
    expect(rounds(result.run)).toBe(2);
    expect(result.summary.spend.rejectedReplies).toBe(2);
    const [first, second] = requests
      .filter(isForGenerator)
      .map(({ body }) => body.messages?.at(-1)?.["content"]);
    expect(second).toBe(first);
  });

  test("because the model refuses ends the search soon, with its words and what to do", async () => {
    const { baseUrl, requests } = await serve((request) =>
      isForGenerator(request) ? nullContent("refusal") : good(request),
    );
    const { ended } = await search(baseUrl);
    expect(ended.code, ended.stderr).toBe(4);
    expect(ended.stderr).toContain("the model refuses to answer (I cannot help with that.)");
    expect(ended.stderr).toContain("put the task into other words");
    expect(requests.filter(isForGenerator)).toHaveLength(4);
  });

  test("for ever ends the search with exit 4", async () => {
    const { baseUrl } = await serve((request) =>
      isForGenerator(request) ? chat("I refuse.") : good(request),
    );
    const { ended, summary } = await search(baseUrl, "stallRounds: 2\n");
    expect(ended.code, ended.stderr).toBe(4);
    expect(ended.stderr).toContain("no architecture could be found in the reply");
    expect(summary).toMatchObject({ status: "failed", best: null, spend: { rejectedReplies: 4 } });
  });
});

describe("an answer that can be read in part", () => {
  test("JSON in a fence is read as it stands", async () => {
    const { baseUrl } = await server({ 1: fencedJson({ architectures: cells(6) }) });
    const result = await search(baseUrl);
    expectWholeSearch(result);
    expect(result.summary.spend.rejectedReplies).toBe(0);
  });

  test("JSON that is cut off gives the architectures that are whole", async () => {
    const { baseUrl } = await server({ 1: truncatedJson({ architectures: cells(6) }) });
    const result = await search(baseUrl);
    expectWholeSearch(result);
    expect(result.summary.spend.rejectedReplies).toBe(0);
    const [proposed] = events(result.run).flatMap((event) =>
      event.type === "round-proposed" ? [event.candidates.map(({ verdict }) => verdict.kind)] : [],
    );
    expect(proposed?.length).toBeGreaterThan(0);
    expect(proposed?.length).toBeLessThan(6);
    expect(new Set(proposed)).toEqual(new Set(["accepted"]));
  });

  test("10,000 architectures are counted, and no more than a round's are evaluated", async () => {
    const { baseUrl } = await server({ 1: chat(JSON.stringify({ architectures: cells(10_000) })) });
    const result = await search(baseUrl);
    expectWholeSearch(result);
    expect(rounds(result.run)).toBe(2);
    expect(result.summary.funnel.proposed).toBeGreaterThanOrEqual(10_000);
    expect(result.summary.funnel.beyondBudget).toBeGreaterThanOrEqual(9_994);
    expect((await collmNas(["replay", result.run])).code).toBe(0);
  });

  test("architectures of another space are counted as illegal, with the reasons told to the Navigator", async () => {
    const others = Array.from({ length: 6 }, () => ({
      r: [224],
      d: [2, 3, 4, 2, 3],
      ks: [3, 5, 7],
      e: [3, 4, 6],
    }));
    const { baseUrl, requests } = await server({ 1: chat(JSON.stringify({ architectures: others })) });
    const result = await search(baseUrl);
    expectWholeSearch(result);
    expect(result.summary.funnel.unreadable + result.summary.funnel.illegal).toBe(6);
    expect(requests[2]?.body.messages?.at(-1)?.["content"]).toMatch(/6 were not valid: /);
  });

  test("the same list again is counted as repeated, and the search goes on", async () => {
    const again = chat(JSON.stringify({ architectures: cells(6) }));
    const { baseUrl, requests } = await server({ 1: again, 3: again, 5: again });
    const result = await search(baseUrl);
    expectWholeSearch(result);
    expect(rounds(result.run)).toBe(4);
    expect(result.summary.funnel.repeated).toBeGreaterThanOrEqual(12);
    expect(requests[4]?.body.messages?.at(-1)?.["content"]).toMatch(/6 repeated/);
  });
});
