/** A search that is killed after a reply asks for none again that was recorded; npm test takes one reply, test:long all. */
import { expect, test } from "vitest";
import { collmNas, events, json, killAt, newRun, outcome } from "../support/cli.ts";
import { commandLine, search, server } from "../support/model-searches.ts";
import { casesOf } from "../support/sweep.ts";

test("a resumed search asks for no reply that was recorded", async () => {
  const undisturbed = await server();
  const whole = await search(undisturbed.baseUrl);
  const seqs = events(whole.run).flatMap(({ type, seq }) => (type === "chat-replied" ? [seq] : []));
  expect(seqs).toHaveLength(4);
  const cuts = [...seqs.entries()];
  for (const [index, seq] of casesOf({ few: cuts.slice(1, 2), all: cuts })) {
    const { baseUrl, requests } = await server();
    const run = newRun();
    const killed = await collmNas(commandLine(baseUrl, run), { env: killAt(seq) });
    expect(killed.signal).toBe("SIGKILL");
    expect(requests).toHaveLength(index + 1);
    const summary = await json(["resume", run]);
    expect(requests).toHaveLength(4);
    expect(requests.map(({ body }) => body)).toEqual(undisturbed.requests.map(({ body }) => body));
    const { spend: _own, ...same } = outcome(summary);
    const { spend: _spent, ...expected } = outcome(whole.summary);
    expect(same).toEqual(expected);
  }
});
