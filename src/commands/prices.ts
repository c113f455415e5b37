/**
 * What both roles cost, and whether a cap on money can hold.
 *
 * Owns which server's price is whose. Where prices are from is adapters/prices.ts's business.
 */
import { type PriceTable, priceOf } from "../adapters/prices.ts";
import { type ModelConfig, serverOf } from "../config.ts";
import { UsageError } from "../errors.ts";
import { type Caps, type Prices, type Role, roleSchema } from "../search/events.ts";

/** The price of each role's model, null where it is not known; null where written rules play. */
export async function pricesFor(model: ModelConfig | null, table: PriceTable): Promise<Prices | null> {
  if (model === null) return null;
  const of = (role: Role) => priceOf(serverOf(model, role), table);
  return { navigator: await of("navigator"), generator: await of("generator") };
}

/**
 * A cap on money holds only where every price is known.
 *
 * @throws UsageError naming the key that gives the price
 */
export function checkMoneyCap(caps: Caps, prices: Prices | null, model: ModelConfig | null): void {
  if (caps.usd === undefined || model === null) return;
  for (const role of roleSchema.options) {
    if (prices?.[role] !== undefined && prices[role] !== null) continue;
    const { name, baseUrl } = serverOf(model, role);
    throw new UsageError(
      `a cap on money needs the price of model "${name}", which is not known for ${new URL(baseUrl).host}; set prices: {${JSON.stringify(name)}: {input: USD, output: USD}}, for a million tokens each, in the configuration`,
    );
  }
}
