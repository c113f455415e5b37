/**
 * Numbers as people read them: rounding, thousands, units, money, and what is shown for an unknown number.
 *
 * The terminal, the report and the page share these. Pure: it is given numbers and knows no run.
 */

/** Shown where there is no number, or none that is known. */
export const unknown = "–";

/** How many decimals show four digits of the largest of some numbers. */
export function decimalsFor(values: readonly number[]): number {
  const largest = Math.max(0, ...values.map(Math.abs));
  return largest === 0 ? 2 : Math.min(6, Math.max(0, 3 - Math.floor(Math.log10(largest))));
}

export function fixed(value: number | null, decimals: number): string {
  return value === null ? unknown : value.toFixed(decimals);
}

/** With its sign, but for what rounds to zero. */
export function signed(value: number | null, decimals: number): string {
  if (value === null) return unknown;
  const text = value.toFixed(decimals);
  if (Number(text) === 0) return (0).toFixed(decimals);
  return value > 0 ? `+${text}` : text;
}

/** A count or a mean of counts, with thousands marked. */
export function amount(value: number | null): string {
  // Intl.NumberFormat does the same, but takes a browser 80 ms to make.
  const [whole = "", part = ""] = (value ?? 0).toFixed(1).split(".");
  const marked = whole.replace(/\B(?=(?:\d{3})+$)/g, ",");
  return value === null ? unknown : part === "0" ? marked : `${marked}.${part}`;
}

/** `1 round`, `2 rounds`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${amount(count)} ${count === 1 ? one : many}`;
}

/** A number in at most six significant digits; a dash where it is not known. */
export function number(value: number | null | undefined): string {
  return value === null || value === undefined ? unknown : String(Number(value.toPrecision(6)));
}

/** `name value` of each entry, as in `flops_m 12.5  params_m 0.4`. */
export function namedNumbers(values: Readonly<Record<string, number>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${number(value)}`)
    .join("  ");
}

/** A unit as it follows a number. */
export function unitSign(unit: string): string {
  return unit === "percent" ? "%" : unit;
}

/** A number with its unit, where it has one. */
export function withUnit(value: number | null | undefined, unit: string): string {
  if (value === null || value === undefined) return unknown;
  return unit === "" ? number(value) : `${number(value)} ${unitSign(unit)}`;
}

/**
 * A result of a metric, with its unit: four significant digits, so that 93.848 percent is 93.85 % everywhere.
 *
 * Where its standard error is known it follows, as in `93.8 % ± 0.3`, and both have the same decimals. The error has one
 * digit that counts, two where the first one is a 1, and more where the value would lose a second digit.
 */
export function score(value: number | null | undefined, unit: string, error: number | null = null): string {
  if (value === null || value === undefined) return unknown;
  const usual = decimalsFor([value]);
  const ofError = error === null ? null : decimalsOfError(error, usual - 1);
  const digits = value.toFixed(ofError ?? usual);
  const text = unit === "" ? digits : `${digits} ${unitSign(unit)}`;
  return error === null ? text : `${text} ± ${ofError === null ? number(error) : error.toFixed(ofError)}`;
}

/** A number with its standard error, as in `93.8 ± 0.3`; the number alone where that is not known. */
export function withError(value: number, error: number | null): string {
  return error === null ? number(value) : score(value, "", error);
}

/** An amount of money, small ones to two digits that count; a dash where it is not known. */
export function money(value: number | null): string {
  if (value === null) return unknown;
  return value === 0 || value >= 1 ? value.toFixed(2) : String(Number(value.toPrecision(2)));
}

/** An amount of US dollars with its unit. */
export function dollars(usd: number): string {
  return `${money(usd)} USD`;
}

// --- internal ---

/** With how many decimals a standard error is shown; null: it is zero, or smaller than any digit that is shown. */
function decimalsOfError(error: number, fewest: number): number | null {
  if (error <= 0) return null;
  const exponent = Math.floor(Math.log10(error));
  const decimals = (error / 10 ** exponent < 2 ? 1 : 0) - exponent;
  return decimals > 6 ? null : Math.max(0, fewest, decimals);
}
