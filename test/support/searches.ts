/** Searches by the command line on the shared evaluator, and what is true of the counts of every run. */
import { expect } from "vitest";
import { evaluator, json, newRun, type Settings, type Summary } from "./cli.ts";

export const space = "analognas-baseline";

/** A run on the evaluator that all tests of this file share. */
export async function search(flags: readonly string[], settings?: Settings): Promise<Summary> {
  const args = ["run", "--space", space, "--evaluator", evaluator.address, ...flags];
  return await json(flags.includes("--out") ? args : [...args, "--out", newRun()], settings);
}

export function expectHonestCounts({ funnel, spend, trace }: Summary): void {
  const { proposed, unreadable, illegal, repeated, equivalent, overLimit, beyondBudget, evaluated, failed } =
    funnel;
  expect(unreadable + illegal + repeated + equivalent + overLimit + beyondBudget + evaluated + failed).toBe(
    proposed,
  );
  expect(spend.evaluations).toBe(evaluated + failed);
  expect(trace.map(({ evaluation }) => evaluation)).toEqual(trace.map((_, index) => index + 1));
  expect(trace).toHaveLength(spend.evaluations);
  const values = trace.map(({ value }) => value ?? Number.NEGATIVE_INFINITY);
  expect(values).toEqual([...values].sort((first, second) => first - second));
  const steps = trace.filter(({ text }, index) => text !== null && text !== trace[index - 1]?.text);
  expect(funnel.improved).toBe(steps.length);
}
