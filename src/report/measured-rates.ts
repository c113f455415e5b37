/**
 * What each call and each round of a search takes, as an earlier run shows it.
 *
 * What the run does not show stays assumed. A sentence for each rate says what it was measured from.
 */
import { linearRegression } from "simple-statistics";
import type { Role } from "../search/events.ts";
import { funnel } from "../search/funnel.ts";
import { evaluations } from "../search/results.ts";
import type { ChatCall, RunState } from "../search/state.ts";
import { amount, counted } from "../text/numbers.ts";
import { mean, median, quantile } from "./statistics.ts";
import { bytesPerToken, type Ground, type Rates, type RoleRates } from "./assumed-rates.ts";
import { constant, each, type Span, words } from "./span.ts";

/** What of a search decides whether the rates of another one hold for it. */
export interface Likeness {
  readonly most: number;
  readonly memory: Readonly<Record<Role, boolean>>;
}

/**
 * The assumed rates, replaced by what a run shows. What it does not show stays assumed. A rate that depends on a setting
 * is left out where the run had another one.
 */
export function measuredRates(
  run: RunState,
  assumed: Rates,
  { most, memory }: Likeness,
): { readonly rates: Rates; readonly grounds: readonly Ground[] } {
  const grounds: Ground[] = [];
  const measured = (words: string) => grounds.push({ basis: "measured", words });
  let evaluated = assumed.evaluated;
  const full = fullRounds(run);
  // A searcher that asks no model fills its rounds in another way.
  const isAlike = run.models !== null || Object.keys(assumed.roles).length === 0;
  if (isAlike && full.length > 0) {
    const scale = most / run.search.candidates.max;
    const counts = full.map((round) => {
      const { evaluated: made, failed } = funnel(run, round);
      return made + failed;
    });
    const own = spread(counts);
    evaluated = each((bound) => Math.max(0.1, Math.min(most, own[bound] * scale)));
    const scaled = scale === 1 ? "" : `, scaled from ${run.search.candidates.max} to ${most} asked for`;
    measured(`${words(own)} evaluated a round, in ${counted(full.length, "round")}${scaled}`);
  }
  const seconds = evaluations(run).flatMap(({ outcome }) =>
    outcome.kind === "measurement" && outcome.stored !== true ? [outcome.seconds] : [],
  );
  let evaluationSeconds = assumed.evaluationSeconds;
  if (seconds.length > 0) {
    const own = spread(seconds);
    evaluationSeconds = each(() => (mean(seconds) ?? 0) / run.space.parallelism);
    const together = run.space.parallelism === 1 ? "" : `, ${run.space.parallelism} at a time`;
    measured(`${words(own)} s an evaluation, in ${amount(seconds.length)}${together}`);
  }
  const roles = Object.fromEntries(
    Object.entries(assumed.roles).map(([name, rates]) => {
      const role = name as Role;
      const calls = run.chats.filter((chat) => chat.role === role);
      return [
        role,
        calls.length === 0 ? rates : measuredRole(run, role, calls, rates, most, memory, measured),
      ];
    }),
  ) as Partial<Record<Role, RoleRates>>;
  return { rates: { evaluated, evaluationSeconds, roles }, grounds };
}

// --- internal ---

function measuredRole(
  run: RunState,
  role: Role,
  calls: readonly ChatCall[],
  assumed: RoleRates,
  most: number,
  memory: Likeness["memory"],
  measured: (words: string) => void,
): RoleRates {
  const again = calls.filter(({ attempt }) => attempt > 1).length;
  const share = again / (calls.length - again || 1);
  const planned = assumed.calls.low;
  measured(`${role}: ${again} of ${counted(calls.length, "reply", "replies")} asked for again`);
  const rates: { -readonly [K in keyof RoleRates]: RoleRates[K] } = {
    ...assumed,
    calls: constant(planned * (1 + share)),
  };
  const times = calls.map(({ reply }) => reply.seconds);
  if (times.some((time) => time > 0)) {
    rates.seconds = constant(mean(times) ?? 0);
    measured(`${role}: ${words(spread(times))} s a call, waits included`);
  }
  const failed = calls.reduce((sum, { reply }) => sum + reply.failures.length, 0);
  if (failed > 0)
    measured(`${role}: ${counted(failed, "attempt")} brought no reply; their tokens are not counted`);
  const withTokens = calls.filter(
    ({ reply: { inputTokens, outputTokens } }) => inputTokens !== null && outputTokens !== null,
  );
  const input = withTokens.map(({ reply }) => reply.inputTokens ?? 0);
  const output = withTokens.map(({ reply }) => reply.outputTokens ?? 0);
  if (input.every((tokens) => tokens === 0)) {
    measured(`${role}: its model server gave no tokens`);
    return rates;
  }
  // Only a role that answers in lists writes more where more is asked for.
  const scale = role === "generator" ? most / run.search.candidates.max : 1;
  rates.output = each((bound) => spread(output)[bound] * scale);
  const thinking = withTokens.flatMap(({ reply }) => reply.reasoningTokens ?? []);
  const thought = thinking.length === 0 ? "" : `, ${amount(mean(thinking))} of them thinking`;
  measured(
    `${role}: ${words(spread(output))} tokens a reply${thought}, in ${amount(withTokens.length)}${scale === 1 ? "" : `, scaled from ${run.search.candidates.max} to ${most} asked for`}`,
  );
  const cached = withTokens.reduce((sum, { reply }) => sum + (reply.cachedTokens ?? 0), 0);
  rates.cachedShare = cached / input.reduce((sum, tokens) => sum + tokens, 0);
  if (cached > 0) measured(`${role}: ${amount(100 * rates.cachedShare)} % of the input was read before`);
  const probes = calls.flatMap(({ reply }) => reply.probes ?? []);
  if (probes.length > 0) {
    rates.probes = {
      inputTokens: probes.reduce((sum, probe) => sum + (probe.inputTokens ?? 0), 0),
      outputTokens: probes.reduce((sum, probe) => sum + (probe.outputTokens ?? 0), 0),
    };
    measured(`${role}: ${counted(probes.length, "call")} to find out how to ask`);
  }
  if (run.search.memory[role] !== memory[role]) {
    const bytes = median(
      withTokens.flatMap(({ reply, promptBytes }) =>
        reply.inputTokens === null || promptBytes === 0 ? [] : [promptBytes / reply.inputTokens],
      ),
    );
    if (bytes !== null) {
      const rescaled = (span: Span) => constant((span.expected * bytesPerToken.expected) / bytes);
      rates.input = { start: rescaled(assumed.input.start), growth: rescaled(assumed.input.growth) };
      measured(
        `${role}: ${bytes.toFixed(1)} bytes a token; its conversation was ${run.search.memory[role] ? "kept" : "not kept"} there, so prompts are this search's own`,
      );
    }
    return rates;
  }
  const line = fitted(withTokens.map(({ round, reply }) => [round, reply.inputTokens ?? 0]));
  rates.input = { start: constant(line.start), growth: constant(line.growth) };
  const first = amount(Math.round(line.start));
  const rises = Math.round(line.growth);
  measured(
    `${role}: ${first} tokens a prompt in round 1, ${rises === 0 ? "the same" : `${amount(Math.abs(rises))} ${rises > 0 ? "more" : "fewer"}`} with each round (a line through ${counted(withTokens.length, "call")})`,
  );
  return rates;
}

/** A straight line through tokens by round; level where all calls are of one round. */
function fitted(points: readonly (readonly [round: number, tokens: number])[]): {
  start: number;
  growth: number;
} {
  const level = mean(points.map(([, tokens]) => tokens)) ?? 0;
  if (new Set(points.map(([round]) => round)).size < 2) return { start: level, growth: 0 };
  const { m, b } = linearRegression(points.map(([round, tokens]) => [round, tokens]));
  return { start: Math.max(0, m + b), growth: m };
}

/** The rounds that were not cut short by the end of the run. */
function fullRounds({ rounds, ended, search }: RunState): number[] {
  const closed = rounds.filter((round) => round.closed);
  const isCut = ended === "budget" && closed.length > 1 && search.budget > 0;
  return (isCut ? closed.slice(0, -1) : closed).map(({ round }) => round);
}

/** The mean, and where the middle eighty of a hundred values lie. */
function spread(values: readonly number[]): Span {
  const middle = mean(values) ?? 0;
  return {
    low: Math.min(middle, quantile(values, 0.1) ?? 0),
    expected: middle,
    high: Math.max(middle, quantile(values, 0.9) ?? 0),
  };
}
