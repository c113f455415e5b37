/**
 * Numbers that are not known yet: a low, an expected and a high value, and how to reckon with them.
 */
import { amount } from "../text/numbers.ts";

/** A number that is not known yet. */
export interface Span {
  readonly low: number;
  readonly expected: number;
  readonly high: number;
}

export type Bound = keyof Span;

export function each(of: (bound: Bound) => number): Span {
  return { low: of("low"), expected: of("expected"), high: of("high") };
}

export function constant(value: number): Span {
  return each(() => value);
}

export function plus(spans: readonly Span[]): Span {
  return each((bound) => spans.reduce((sum, span) => sum + span[bound], 0));
}

export function times(first: Span, second: Span): Span {
  return each((bound) => first[bound] * second[bound]);
}

export function over(first: Span, second: Span): Span {
  return each((bound) => first[bound] / second[bound]);
}

/** The expected value with its bounds. */
export function words({ low, expected, high }: Span): string {
  const text = (value: number) => amount(Number(value.toPrecision(3)));
  return text(low) === text(high)
    ? text(expected)
    : `${text(expected)} (${text(Math.min(low, high))} to ${text(Math.max(low, high))})`;
}
