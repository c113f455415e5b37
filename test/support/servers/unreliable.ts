/**
 * A server that is good most of the time: some of its answers fail, in ways and at times that a seed decides.
 *
 * Owns which request fails and how. A failure is one that asking again mends.
 */
import { pick, randomStream } from "../../../src/search/random.ts";
import {
  type Answer,
  chat,
  htmlPage,
  json,
  type ModelRequest,
  rateLimited,
  raw,
  resetConnection,
  serverError,
  stalledBody,
  stalledHeaders,
} from "../model-server.ts";

/** Ways to be asked to slow down. */
export const slowDowns: Readonly<Record<string, Answer>> = {
  "429 with Retry-After": rateLimited({ "retry-after": "0.01" }),
  "429 with retry-after-ms": rateLimited({ "retry-after-ms": "10", "retry-after": "600" }),
  "429 without either": rateLimited({}),
};

/** Ways to fail. */
export const failures: Readonly<Record<string, Answer>> = {
  ...slowDowns,
  "500": serverError(),
  "500 of a page": htmlPage(500),
  "502 without a body": raw(502, "", {}),
  "503 with Retry-After": json(503, { error: { message: "overloaded" } }, { "retry-after": "0.01" }),
  "503 without": serverError(503),
  "a reset before the first byte": resetConnection("at once"),
  "a reset in the body": resetConnection("in the body"),
  "a stall before the first byte": stalledHeaders(),
  "a stall in the body": stalledBody(),
  "a reply that broke off": chat("half of what was", { finishReason: "error" }),
  "JSON cut off": raw(200, '{"id":"chatcmpl-1","choices":[{"index":0,"message":{"role":"assi', {
    "content-type": "application/json",
  }),
};

export interface Unreliable {
  answer(request: ModelRequest): Answer;
  /** How each request that failed did. */
  readonly failed: readonly string[];
}

/** A server that fails so many of a hundred requests. */
export function unreliable(
  good: (request: ModelRequest) => Answer,
  { seed, percent, ways }: { seed: number; percent: number; ways: Readonly<Record<string, Answer>> },
): Unreliable {
  const random = randomStream(seed, "unreliable");
  const failed: string[] = [];
  return {
    failed,
    answer: (request) => {
      if (random.below(100) >= percent) return good(request);
      const [way, answer] = pick(random, Object.entries(ways));
      failed.push(way);
      return answer;
    },
  };
}
