/**
 * The ranking experiment as a person makes it, on a space of the test and with a real HTTP server in the place of the model:
 * how it is started, what a right answer is, what its record holds. The controls and a model that is always right have
 * been asked before the first test.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import type { RankerSummary, RankingSummary } from "../../src/app/ranking-summary.ts";
import type { Trial } from "../../src/ranking/record.ts";
import { collmNas, evaluator, type Ended, type Settings, temporaryFolder } from "./cli.ts";
import { type GrpcServer, startGrpcServer } from "./grpc-server.ts";
import { type Answer, chat, type ModelRequest, type ModelServer, startModelServer } from "./model-server.ts";
import { tinyScore, tinySpace } from "./tiny-space.ts";

const space = tinySpace();

/** The space that is ranked: in the test itself, small and measured at once. */
export const spaceId = "tiny";
export const trials = 9;
export const one = expect.closeTo(1, 9);
/** Flags for a space of the real evaluator, with 15,625 architectures. */
export const real = ["--space", "analognas-baseline", "--evaluator", evaluator.address];

let tiny: GrpcServer;
/** The controls of the experiment that the models are put to. */
export let controls: RankingSummary;
/** The same trials, ranked by a model that is always right. */
export let right: Ranked;
export let rightRequests: readonly ModelRequest[];
const servers: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  tiny = await startGrpcServer();
  controls = (await rank([])).summary;
  const server = await serve(perfect);
  right = await rank(model(server));
  rightRequests = server.requests;
});
afterAll(() => Promise.all([tiny.kill(), ...servers.map((each) => each.close())]));

export interface Ranked {
  readonly ended: Ended;
  readonly summary: RankingSummary;
}

/** Ranks the architectures of `spaceId`; `flags` replace the usual ones of the same name. */
export async function rank(flags: readonly string[], settings: Settings = {}): Promise<Ranked> {
  const ended = await collmNas(commandLine(flags), settings);
  return { ended, summary: JSON.parse(ended.stdout || "null") as RankingSummary };
}

export function commandLine(flags: readonly string[]): string[] {
  const usual = [
    ["--space", spaceId],
    ["--evaluator", tiny.address],
    ["--trials", `${trials}`],
    ["--out", newFile()],
  ] as const;
  return ["rank", ...usual.filter(([flag]) => !flags.includes(flag)).flat(), "--json", ...flags];
}

export function newFile(): string {
  return join(temporaryFolder(), "ranking.jsonl");
}

export function stored(file: string): { header: { config: Record<string, unknown> }; trials: Trial[] } {
  const [header, ...rest] = readFileSync(file, "utf8").split("\n").slice(0, -1);
  return { header: JSON.parse(header ?? ""), trials: rest.map((line) => JSON.parse(line) as Trial) };
}

export async function serve(script: (request: ModelRequest, index: number) => Answer): Promise<ModelServer> {
  const server = await startModelServer(script);
  servers.push(server);
  return server;
}

export const model = ({ baseUrl }: ModelServer) => ["--model", "test-model", "--base-url", baseUrl];

/** The accuracies of the architectures that a request shows, in the order shown. */
function shownValues({ body }: ModelRequest): number[] {
  const question = String(body.messages?.find(({ role }) => role === "user")?.["content"]);
  return [...question.matchAll(/^\d+\. (\{.*\})$/gm)].map(([, json]) => {
    const parsed = space.parse(json);
    return parsed.ok ? tinyScore(parsed.architecture, "search") : Number.NaN;
  });
}

/** The right answer. */
export function ranking(request: ModelRequest): number[] {
  const shown = shownValues(request);
  return shown
    .map((_, at) => at + 1)
    .sort((first, second) => (shown[second - 1] ?? 0) - (shown[first - 1] ?? 0));
}

export const answer = (list: readonly unknown[]) => chat(JSON.stringify({ ranking: list }));
export const perfect = (request: ModelRequest) => answer(ranking(request));

export function expectOneLine({ code, stdout, stderr }: Ended, exitCode: number, text: string): void {
  expect(stderr).toContain(text);
  expect(stderr).toMatch(/^collm-nas: [^\n]+\n$/);
  expect(code).toBe(exitCode);
  expect(stdout).toBe("");
}

export const first = ({ rankers }: RankingSummary) => rankers[0] as RankerSummary;
export const ofCosts = ({ rankers }: RankingSummary) => rankers.filter(({ cost }) => cost !== null);

/** What was drawn, asked and answered, without times. */
export function contents(file: string): unknown[] {
  return stored(file).trials.map(({ at: _at, replies, ...rest }) => ({
    ...rest,
    // How a server is asked is found out anew by each process.
    replies: replies.map(({ reply: { seconds: _seconds, probes: _probes, ...reply }, rejected }) => ({
      reply,
      rejected,
    })),
  }));
}
