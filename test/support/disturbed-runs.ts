/**
 * Runs that something happens to, compared with the same run left alone: a small search, what it comes to, and whether
 * a disturbed one comes to the same.
 */
import { expect } from "vitest";
import {
  collmNas,
  decisions,
  evaluator as quick,
  type Ended,
  json,
  newRun,
  outcome,
  type Settings,
  shown,
  type Summary,
  temporaryFile,
} from "./cli.ts";

export const space = "analognas-baseline";
/** Three rounds of four. */
export const small = `space: ${space}\nbudget: 12\ncandidates: {min: 4, max: 4}\n`;

/** What a configuration comes to when nothing happens to it. */
export interface Undisturbed {
  readonly file: string;
  readonly run: string;
  readonly summary: Summary;
}

export async function undisturbed(text: string, address = quick.address): Promise<Undisturbed> {
  const file = temporaryFile("search.yaml", text);
  const run = newRun();
  return { file, run, summary: await json(["run", file, "--evaluator", address, "--out", run]) };
}

/** The run came to what it would have come to without the disturbance, and its record holds together. */
export async function expectSame(run: string, reference: Undisturbed): Promise<void> {
  expect(outcome(await shown(run))).toEqual(outcome(reference.summary));
  expect(decisions(run)).toEqual(decisions(reference.run));
}

export async function expectReplays(run: string): Promise<void> {
  const replayed = await collmNas(["replay", run]);
  expect(replayed, replayed.stderr).toMatchObject({ code: 0 });
}

export async function resumed(
  run: string,
  flags: readonly string[] = [],
  settings?: Settings,
): Promise<Ended> {
  const ended = await collmNas(["resume", run, ...flags], settings);
  expect(ended.code, ended.stderr).toBe(0);
  return ended;
}

/** Does `work` for each item, two at a time. */
export async function forEach<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = [...items];
  const worker = async () => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(item);
  };
  await Promise.all([worker(), worker()]);
}
