/**
 * Small searches by the command line with a language model behind a real HTTP server: how they are started, and what a
 * whole one comes to. The servers are closed when the test file is through.
 */
import { afterAll, expect } from "vitest";
import { collmNas, evaluator, type Ended, events, newRun, type Summary, temporaryFile } from "./cli.ts";
import {
  type Answer,
  type ModelRequest,
  type ModelServer,
  playRoles,
  startModelServer,
} from "./model-server.ts";

export const space = "analognas-baseline";
export const good = playRoles();

const servers: ModelServer[] = [];

afterAll(() => Promise.all(servers.map((each) => each.close())));

/** A server that plays both roles well, but for the requests of these numbers, counted from 0. */
export async function server(answers: Readonly<Record<number, Answer>> = {}): Promise<ModelServer> {
  return await serve((request, index) => answers[index] ?? good(request));
}

export async function serve(
  script: (request: ModelRequest, index: number) => Answer,
  port = 0,
): Promise<ModelServer> {
  const started = await startModelServer(script, port);
  servers.push(started);
  return started;
}

/** The command line of a search of two or three rounds; `yaml` are further keys, `model` further keys of the model. */
export function commandLine(url: string, run: string, yaml = "", model = ""): string[] {
  const file = temporaryFile(
    "search.yaml",
    `space: ${space}
budget: 12
candidates: {min: 6, max: 6}
model: {name: test-model, baseUrl: "${url}", keyVariable: TEST_KEY${model}}
${yaml}`,
  );
  return ["run", file, "--evaluator", evaluator.address, "--out", run, "--json"];
}

export interface Searched {
  readonly run: string;
  readonly ended: Ended;
  readonly summary: Summary;
}

export async function search(url: string, yaml = "", model = ""): Promise<Searched> {
  const run = newRun();
  const ended = await collmNas(commandLine(url, run, yaml, model));
  const summary = JSON.parse(ended.stdout || "null") as Summary;
  return { run, ended, summary };
}

export function expectWholeSearch({ ended, summary }: Searched): void {
  expect(ended.code, ended.stderr).toBe(0);
  expect(summary).toMatchObject({ status: "ended", stopReason: "budget", spend: { evaluations: 12 } });
  const { proposed, unreadable, illegal, repeated, equivalent, overLimit, beyondBudget, evaluated, failed } =
    summary.funnel;
  const parts = [unreadable, illegal, repeated, equivalent, overLimit, beyondBudget, evaluated, failed];
  expect(parts.reduce((sum, part) => sum + part, 0)).toBe(proposed);
}

/** How many rounds a run has closed. */
export function rounds(run: string): number {
  return events(run).filter(({ type }) => type === "round-closed").length;
}

export function rolesOf(request: ModelRequest): string[] {
  return (request.body.messages ?? []).map(({ role }) => String(role));
}

export const isForGenerator = ({ body }: ModelRequest) => body.response_format !== undefined;
