/**
 * Finds what the tokens of a model cost.
 *
 * A price comes from the user's own table, or from the data in the package @pydantic/genai-prices. The data are used as
 * published and never updated over the network. A server that is in neither has no known price, even if it is on this
 * machine.
 */
import type { Price } from "../search/events.ts";

/** The release of the package with the prices, and its date. */
export const priceData = {
  name: "@pydantic/genai-prices",
  version: "0.1.8",
  published: "2026-09-23",
} as const;

/** US dollars for a million tokens, by the name of a model, as a user gives them. */
export type PriceTable = Readonly<
  Record<string, { readonly input: number; readonly output: number; readonly cachedInput?: number }>
>;

/** How often the price is looked up in one day: some servers charge less at night. */
const looksADay = 48;

/**
 * What a million tokens of a model cost; null where that is not known.
 *
 * Where a price depends on the length of the prompt or on the hour, the highest price is taken, and `source` says so.
 *
 * @param at the day of the prices
 */
export async function priceOf(
  { name, baseUrl }: { readonly name: string; readonly baseUrl: string },
  table: PriceTable,
  at: Date = new Date(),
): Promise<Price | null> {
  if (Object.hasOwn(table, name)) {
    const { input, output, cachedInput } = table[name] as PriceTable[string];
    return {
      inputUsd: input,
      cachedInputUsd: cachedInput ?? null,
      outputUsd: output,
      source: "configuration",
    };
  }
  if (/^(gguf|recorded):/.test(name))
    return { inputUsd: 0, cachedInputUsd: null, outputUsd: 0, source: "no server" };
  return await lookedUp(name, baseUrl, at);
}

// --- internal ---

async function lookedUp(name: string, baseUrl: string, at: Date): Promise<Price | null> {
  const { calcPrice, findProvider } = await import("@pydantic/genai-prices");
  const address = new URL(baseUrl).href;
  const provider = findProvider({ providerApiUrl: address });
  // The package checks only the beginning of the address: another host may begin in the same way.
  if (provider === undefined || !new RegExp(`^(?:${provider.api_pattern})(?:[:/?#]|$)`).test(address))
    return null;
  const day = Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate());
  const found = Array.from({ length: looksADay }, (_, index) => {
    const timestamp = new Date(day + (index * 86_400_000) / looksADay);
    return calcPrice({ input_tokens: 1, output_tokens: 1 }, name, { provider, timestamp });
  }).flatMap((price) => (price === null ? [] : [price]));
  const prices = found.flatMap(({ model, model_price }) => {
    // A charge for each request is not a price of tokens.
    if (model_price["requests_kcount"] !== undefined) return [];
    const input = highest(model_price["input_mtok"]);
    const output = highest(model_price["output_mtok"]);
    const cached = highest(model_price["cache_read_mtok"]);
    return input === null || output === null ? [] : [{ model, input, output, cached }];
  });
  const dearest = prices.reduce<(typeof prices)[number] | null>(
    (most, price) =>
      most === null || price.input.usd + price.output.usd > most.input.usd + most.output.usd ? price : most,
    null,
  );
  if (dearest === null) return null;
  const { model, input, output, cached } = dearest;
  const isTiered = [input, output, cached].some((price) => price?.isTiered === true);
  const varies = prices.some((price) => price.input.usd !== input.usd || price.output.usd !== output.usd);
  const { name: from, version, published } = priceData;
  return {
    inputUsd: input.usd,
    cachedInputUsd: cached?.usd ?? null,
    outputUsd: output.usd,
    source: [
      `${from} ${version} (published ${published}), ${provider.id} ${model.id}`,
      ...(isTiered ? ["the price of the longest prompts"] : []),
      ...(varies ? ["the highest price of the day"] : []),
    ].join(", "),
  };
}

function highest(price: unknown): { readonly usd: number; readonly isTiered: boolean } | null {
  if (typeof price === "number") return { usd: price, isTiered: false };
  if (typeof price !== "object" || price === null || !("base" in price) || !("tiers" in price)) return null;
  const { base, tiers } = price as { base: number; tiers: readonly { readonly price: number }[] };
  return { usd: Math.max(base, ...tiers.map((tier) => tier.price)), isTiered: tiers.length > 0 };
}
