/** The model server of the tests plays both roles well enough to carry a whole search. */
import { describe, expect, test } from "vitest";
import { Space } from "../../src/search/space.ts";
import { funnel } from "../../src/search/funnel.ts";
import { collm } from "../../src/searchers/collm.ts";
import { architecturesSchema } from "../../src/searchers/prompts.ts";
import { setUp } from "../support/core-ports.ts";
import {
  type Answer,
  htmlPage,
  playRoles,
  rateLimited,
  resetConnection,
  serverError,
  startModelServer,
} from "../support/model-server.ts";
import { ask, good, open } from "../support/open-chat.ts";
import { tinyDescription } from "../support/tiny-space.ts";
import { vectorSpaces } from "../support/vector-spaces.ts";

describe("the model server that plays both roles", () => {
  test("answers a schema by legal architectures, the same ones for the same seed", async () => {
    for (const space of vectorSpaces.values()) {
      const { reply } = await open(playRoles());
      const schema = architecturesSchema(space, { min: 10, max: 20 });
      const first = await reply({ schema, seed: 1 });
      const { architectures } = JSON.parse(first.content) as { architectures: unknown[] };
      expect(architectures.length).toBeGreaterThanOrEqual(10);
      expect(architectures.length).toBeLessThanOrEqual(20);
      expect(architectures.map((each) => space.parse(each)).filter(({ ok }) => !ok)).toEqual([]);
      expect((await reply({ schema, seed: 1 })).content).toBe(first.content);
      expect((await reply({ schema, seed: 2 })).content).not.toBe(first.content);
    }
  });

  test("answers the Navigator by a strategy, and a free Generator by a fence", async () => {
    const [space] = vectorSpaces.values();
    const { description } = space as Space;
    const { reply } = await open(playRoles(description));
    expect((await reply()).content).toContain("## Directions");
    const { content } = await reply({
      messages: [{ role: "system", content: "Like this:\n```json\n{}\n```" }],
    });
    expect(content).toContain('```json\n{\n  "architectures"');
  });

  test.each([true, false])(
    "carries a whole search, past one failure in three: structured %s",
    async (structured) => {
      const play = playRoles(tinyDescription);
      const failures = [
        rateLimited({ "retry-after": "5" }),
        resetConnection("at once"),
        htmlPage(),
        serverError(),
      ];
      const { model, server, retried } = await open((request, index) =>
        index % 3 === 1 ? (failures[index % failures.length] as Answer) : play(request),
      );
      const search = await setUp({
        searcher: collm,
        models: { navigator: model, generator: model },
        search: { structured },
      });
      const state = await search.run();
      expect(funnel(state).evaluated).toBe(20);
      expect(retried.length).toBe(Math.floor((server.requests.length + 1) / 3));
    },
  );

  test("fails a test that asks more often than was scripted", async () => {
    const server = await startModelServer([good]);
    const { model } = await open([], { baseUrl: server.baseUrl, retries: 0 });
    const { signal } = new AbortController();
    await model.reply(ask, signal);
    await expect(model.reply(ask, signal)).rejects.toThrow("scripted replies exhausted");
    await expect(server.close()).rejects.toThrow("scripted replies exhausted");
  });
});
