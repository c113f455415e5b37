/**
 * A search as a program calls it, in process: what it is shown, how it is stopped, and what is left of it.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { replay, resume, search } from "../../src/app/search.ts";
import { Interrupted, UsageError } from "../../src/errors.ts";
import { budgetSpent } from "../../src/search/progress.ts";
import type { RunState } from "../../src/search/state.ts";
import { parseConfig } from "../../src/settings/config.ts";
import { evaluator, events, journalLines, newRun } from "../support/cli.ts";

const settings = { space: "analognas-baseline", searcher: "random", budget: 30, evaluator };

describe("a search that a program calls", () => {
  it("shows each event with the state after it, stops by its signal, and is resumed from there", async () => {
    const out = newRun();
    const stop = new AbortController();
    const seen: number[] = [];
    let begun: { readonly state: RunState; readonly folder: string } | null = null;
    const stopped = search(parseConfig({ ...settings, out }), {
      signal: stop.signal,
      onBegin: (state, folder) => {
        begun = { state, folder };
      },
      observe: (notice) => {
        if (notice.kind !== "recorded") return;
        expect(notice.state.seq).toBe(notice.event.seq);
        seen.push(notice.event.seq);
        if (budgetSpent(notice.state) === 5) stop.abort();
      },
    });
    await expect(stopped).rejects.toBeInstanceOf(Interrupted);
    expect(begun).toMatchObject({ folder: out, state: { seq: 1 } });
    expect([1, ...seen]).toEqual(events(out).map(({ seq }) => seq));
    expect(existsSync(join(out, "lock"))).toBe(false);

    const { state, hadEnded } = await resume(out);
    expect([budgetSpent(state), state.ended, hadEnded]).toEqual([30, "budget", false]);
    expect(await replay(out)).toMatchObject({ complete: true, events: state.seq, tornBytes: 0 });
  });

  it("that has ended is left as it is, unless something is to be done", async () => {
    const out = newRun();
    const { folder, state } = await search(parseConfig({ ...settings, budget: 5, out }));
    expect([folder, state.ended]).toEqual([out, "budget"]);
    const before = journalLines(out);
    expect(await resume(out)).toMatchObject({ folder: out, state: { seq: state.seq }, hadEnded: true });
    await expect(resume(out, { budget: 4 })).rejects.toThrow(UsageError);
    expect(journalLines(out)).toEqual(before);
    expect(budgetSpent((await resume(out, { budget: 6 })).state)).toBe(6);
  });

  it("leaves nothing where it cannot begin", async () => {
    const out = newRun();
    const unknownCost = parseConfig({ ...settings, limits: { weight: 1 }, out });
    await expect(search(unknownCost)).rejects.toThrow('has no cost "weight"');
    expect(existsSync(out)).toBe(false);
  });
});
