/** A folder of very many runs: they come as they are read, and all at once the next time. */
import { expect, it } from "vitest";
import { writeManyRuns } from "../support/live-runs.ts";
import { folder, show } from "../support/shown-catalog.ts";
import { casesOf } from "../support/sweep.ts";

it("a catalog lists a thousand runs at once that were read before", async () => {
  const count = casesOf({ few: 100, all: 1_000 });
  await writeManyRuns(folder, count);
  const first = await show().whole();
  expect(first.rows.size).toBe(count);
  // They came as they were read, and the number of those still to come went down.
  const unread = first.messages.map((message) => message.unread);
  expect(unread.length).toBeGreaterThan(casesOf({ few: 1, all: 3 }));
  expect(unread).toEqual([...unread].sort((one, other) => other - one));
  await first.close();
  const second = await show().whole();
  expect(second.messages).toHaveLength(1);
  expect(second.rows.size).toBe(count);
  expect(second.read).toBe(0);
});
