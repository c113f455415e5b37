/** The forms in which the page of a run hands out its winner. */
import { expect, test } from "vitest";
import { winnerForms } from "../../src/dashboard/page/winner-forms.ts";
import { ownNames } from "../../src/report/own-names.ts";
import { best } from "../../src/search/results.ts";
import type { RunState } from "../../src/search/state.ts";
import { Space } from "../../src/search/space.ts";
import { random } from "../../src/searchers/random.ts";
import { reportedRun } from "../support/reported-runs.ts";
import { tinySpace } from "../support/run-events.ts";
import { searchedRun } from "../support/searched-runs.ts";

const formsOf = (state: RunState) => {
  const winner = best(state);
  if (winner === null) throw new Error("nothing was found");
  return winnerForms(state, winner, ownNames(state));
};
const template = "|{op[0]}|{op[1]}|{width[0]}|";

test("without a template the canonical text is the JSON, and there is no template string", () => {
  const text = '{"op":["conv","skip"],"width":[8]}';
  const { state } = reportedRun([90], { textOf: () => text });
  expect(formsOf(state)).toEqual({
    text,
    isBlind: false,
    json: text,
    templateString: null,
    command: `collm-nas evaluate '${text}' --space tiny`,
  });
});

test("with a template both forms name the same architecture", () => {
  const space = { ...tinySpace, template };
  const { state } = reportedRun([90], {
    textOf: () => "|conv|skip|8|",
    started: { space, setup: { evaluator: { address: "127.0.0.1:50051", config: "my file.yaml" } } },
  });
  const forms = formsOf(state);
  expect(forms.templateString).toBe("|conv|skip|8|");
  const parsed = new Space(space).parse(JSON.parse(forms.json));
  expect(parsed.ok && parsed.architecture.text).toBe("|conv|skip|8|");
  expect(forms.command).toBe(
    "collm-nas evaluate '|conv|skip|8|' --space tiny --evaluator 127.0.0.1:50051 --evaluator-config 'my file.yaml'",
  );
});

test("of a blind run it stands in the space's own names", async () => {
  const { state } = await searchedRun(random, { blind: true, seed: 3, budget: 5 });
  const forms = formsOf(state);
  const own = new Space(state.original as NonNullable<typeof state.original>);
  expect(forms.isBlind).toBe(false);
  expect(own.parse(JSON.parse(forms.json)).ok).toBe(true);
  expect(forms.command).toContain(forms.text);
});

test("of a blind run that cannot be translated there is no command, and it says so", async () => {
  const { state } = await searchedRun(random, { blind: true, seed: 3, budget: 5 });
  const winner = best(state) as NonNullable<ReturnType<typeof best>>;
  const forms = winnerForms(state, winner, null);
  expect(forms).toMatchObject({ text: winner.text, isBlind: true, command: null });
});
