/**
 * Reads the values of flags: numbers, NAME=VALUE pairs, prices, paths and choices.
 *
 * What cannot be read is refused with the form that is wanted; what a value means is not decided here.
 */
import { InvalidArgumentError } from "@commander-js/extra-typings";
import type { GivenPrice } from "../settings/flags.ts";
import { countForms, homePath, pathRefusal, readCount, readNumber } from "../settings/written-values.ts";

export function number(text: string): number {
  const value = readNumber(text);
  if (value === null) throw new InvalidArgumentError("It has to be a number.");
  return value;
}

export function wholeFrom(least: number): (text: string) => number {
  return (text) => {
    const value = readCount(text);
    if (value === null || value < least)
      throw new InvalidArgumentError(
        `It has to be a whole number of at least ${least}, such as ${Math.max(least, 40)}, 2k or 1e6.`,
      );
    return value;
  };
}

export function limit(text: string, before: Named | undefined): Named {
  const [name, value] = named("limit", text, "cost", "flops_m=120");
  const read = readNumber(value);
  if (read === null)
    throw new InvalidArgumentError(
      `${name} has to be a number alone, in the unit that the space has for that cost.`,
    );
  return { ...before, [name]: read };
}

export function cap(text: string, before: Named | undefined): Named {
  const [name, value] = named("cap", text, "cap", "tokens=200000");
  const read = name === "tokens" ? readCount(value) : readNumber(value);
  if (read === null)
    throw new InvalidArgumentError(
      name === "tokens"
        ? `tokens has to be ${countForms}.`
        : `${name} has to be a number alone${name === "usd" ? ", in US dollars" : name === "seconds" ? ", in seconds" : ""}.`,
    );
  return { ...before, [name]: read };
}

export function path(text: string): string {
  const refusal = pathRefusal(text);
  if (refusal !== null) throw new InvalidArgumentError(`It ${refusal}.`);
  return homePath(text);
}

export function price(text: string): GivenPrice {
  const given = new Map<string, number>();
  for (const part of text.split(",")) {
    const [, name = "", value = ""] = /^(input|output|cached)=(.+)$/.exec(part) ?? [];
    if (name === "" || given.has(name)) throw new InvalidArgumentError(priceForm);
    const usd = number(value);
    if (usd < 0) throw new InvalidArgumentError("A price is no less than 0.");
    given.set(name, usd);
  }
  const [input, output, cachedInput] = ["input", "output", "cached"].map((name) => given.get(name));
  if (input === undefined || output === undefined) throw new InvalidArgumentError(priceForm);
  return { input, output, ...(cachedInput === undefined ? {} : { cachedInput }) };
}

export function split(text: string): "search" | "test" {
  if (text !== "search" && text !== "test") throw new InvalidArgumentError("It has to be search or test.");
  return text;
}

export function draws(text: string): "fresh" | "fixed" {
  if (text !== "fresh" && text !== "fixed") throw new InvalidArgumentError("It has to be fresh or fixed.");
  return text;
}

// --- internal ---

type Named = Readonly<Record<string, number>>;

/** The two sides of NAME=VALUE. */
function named(flag: string, text: string, what: string, example: string): [name: string, value: string] {
  const [, name, value] = /^([A-Za-z_][A-Za-z0-9_]*)=(.+)$/.exec(text) ?? [];
  if (name === undefined || value === undefined)
    throw new InvalidArgumentError(`It has to be of the form NAME=VALUE, such as ${example}.`);
  if (value.includes(",")) {
    const each = text.split(",").map((part) => `--${flag} ${part.trim()}`);
    throw new InvalidArgumentError(
      /,\s*[A-Za-z_]/.test(text)
        ? `Give --${flag} once a ${what}: ${each.join(" ")}.`
        : `Write the number without a comma, and give --${flag} once a ${what}.`,
    );
  }
  return [name, value];
}

const priceForm =
  "It has to be input=USD,output=USD, for a million tokens each, with cached=USD where the model has such a price.";
