/** A run under way, steered from the live page. */
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { browserNote, chromiumPath } from "../support/browser.ts";
import {
  type EvaluatorProcess,
  events,
  start,
  startEvaluator,
  temporaryFile,
  temporaryFolder,
  until,
} from "../support/cli.ts";
import { startDashboard } from "../support/live-page.ts";
import { type ModelServer, playRoles, startModelServer } from "../support/model-server.ts";
import { reader, useReader, panel, visitRun } from "../support/live-shelf.ts";

useReader();

describe.skipIf(chromiumPath === null)(`the live page in a browser${browserNote}`, () => {
  // ----- Steering -----

  describe("a run under way", () => {
    let slow: EvaluatorProcess;
    let model: ModelServer;
    let folder: string;

    beforeAll(async () => {
      const answer = playRoles();
      slow = await startEvaluator({ slowSeconds: 0.02 });
      model = await startModelServer((request) => async (response) => {
        await wait(150);
        await answer(request)(response, request);
      });
      folder = temporaryFolder();
    });
    afterAll(() => model.close());

    function startRun(name: string) {
      const file = temporaryFile(
        "search.yaml",
        `space: analognas-baseline
budget: 400
candidates: {min: 5, max: 5}
rounds: 40
model: {name: test-model, baseUrl: "${model.baseUrl}", keyVariable: TEST_KEY}
`,
      );
      const out = join(folder, name);
      return start(["run", file, "--evaluator", slow.address, "--out", out, "--json"]);
    }

    test("is paused, gets a hint and continues as the page says, with the token alone", async () => {
      const run = startRun("steered");
      const dashboard = await startDashboard(folder);
      await until("the run has begun", () => events(join(folder, "steered")).length > 3);

      const page = await visitRun(dashboard, "steered");
      const steering = panel(page, "Steering");
      await steering.getByText("Read only").waitFor();
      expect(await steering.getByRole("button").allTextContents()).toEqual(["Use token"]);
      reader.forgive(/403/);
      await steering.getByLabel("Token").fill("wrong");
      await steering.getByRole("button", { name: "Use token" }).click();
      await steering.getByText("That is not the token.").waitFor();
      expect(await steering.getByRole("button", { name: "Pause after this round" }).count()).toBe(0);
      await steering.getByLabel("Token").fill(dashboard.token ?? "");
      await steering.getByRole("button", { name: "Use token" }).click();

      await steering.getByRole("button", { name: "Pause after this round" }).click();
      await page.locator("main .badge").getByText("paused").first().waitFor();
      const asked = model.requests.length;
      const recorded = events(join(folder, "steered"));
      expect(recorded.at(-1)?.type).toBe("run-paused");

      const hint = "Try <b>skip_connect</b> into node 3.";
      await steering.getByLabel("Hint to the Navigator").fill(hint);
      await steering.getByRole("button", { name: "Send hint" }).click();
      await panel(page, "Strategy").getByText(hint).waitFor();
      expect(await steering.getByLabel("Hint to the Navigator").inputValue()).toBe("");
      expect(model.requests.length).toBe(asked);

      await steering.getByRole("button", { name: "Resume" }).click();
      await page.locator("main .badge").getByText("running").first().waitFor();
      await until("the next request", () => model.requests.length > asked);
      const next = model.requests[asked]?.body.messages?.at(-1)?.["content"];
      expect(next).toContain(hint);
      expect(events(join(folder, "steered")).filter(({ type }) => type === "hint-given")).toHaveLength(1);

      await steering.getByRole("button", { name: "Stop" }).click();
      expect(events(join(folder, "steered")).at(-1)?.type).not.toBe("run-ended");
      await steering.getByRole("button", { name: "Press again to stop" }).click();
      const ended = await run.ended;
      expect([ended.code, ended.signal]).toEqual([3, null]);
      await page.locator("main .badge").getByText("stopped").first().waitFor();
      await page
        .locator("[data-part=next]")
        .getByText(/^\S*bin\/collm-nas resume .*steered/)
        .waitFor();
    });

    test("is steered at once by whoever opens the printed address, and by nobody where the page is read only", async () => {
      const run = startRun("printed");
      await until("the run has begun", () => events(join(folder, "printed")).length > 3);
      const dashboard = await startDashboard(folder);
      const page = await reader.visit(dashboard.address);
      await page.getByRole("link", { name: "printed", exact: true }).click();
      await panel(page, "Steering").getByRole("button", { name: "Pause after this round" }).waitFor();
      const readOnly = await startDashboard(folder, { flags: ["--read-only"] });
      expect(readOnly.token).toBeNull();
      const other = await visitRun(readOnly, "printed");
      expect(await panel(other, "Steering").getByRole("button", { name: "Pause" }).count()).toBe(0);
      run.interrupt();
      await run.ended;
    });
  });
});
