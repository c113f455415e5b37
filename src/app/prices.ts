/**
 * Finds what the models of both roles cost, and checks whether a cap on money can hold.
 *
 * Where prices come from is models/prices.ts.
 */
import { type PriceTable, priceOf } from "../models/prices.ts";
import { type ModelConfig, serverOf } from "../settings/config.ts";
import { UsageError } from "../errors.ts";
import { type Caps, type Prices, type Role, roleSchema } from "../search/events.ts";

/** The price of each role's model, null where it is not known; null where no model is asked. */
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
      `a cap on money needs the price of model "${name}", which is not known for ${new URL(baseUrl).host}; ${priceHint(name, model)}`,
    );
  }
}

/** How the price of a model is given. The flag gives one for both roles. */
export function priceHint(name: string, model: ModelConfig): string {
  const isOnly = roleSchema.options.every((role) => serverOf(model, role).name === name);
  const flag = isOnly ? "give it with --price input=USD,output=USD, or " : "";
  return `${flag}set prices: {${JSON.stringify(name)}: {input: USD, output: USD}} in the configuration, for a million tokens each`;
}
