/** `conform`: what of the contract an evaluator does not keep, one line each. It is checked by app/conform.ts. */
import * as app from "../app/conform.ts";
import { plain } from "../text/plain.ts";
import { wrapped } from "../text/wrapped.ts";
import type { Output } from "./output.ts";
import { paint } from "./style.ts";

export interface ConformFlags {
  readonly space?: string | undefined;
  readonly evaluations?: number | undefined;
}

/** @param address HOST:PORT */
export async function conform(
  address: string,
  { space, evaluations }: ConformFlags,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const conformance = await app.conform(address, {
    space: space ?? null,
    ...(evaluations !== undefined && { evaluations }),
    say: sayer(output),
    signal,
  });
  output.exitCode = conformance.ok ? 0 : exitCodeShort;
  output.result({ address, ...conformance }, lines(conformance, output.columns));
}

// --- internal ---

/** That of an evaluator that breaks the contract. */
const exitCodeShort = 5;
/** How often a person who waits is told how far it is. */
const sayMs = 2_000;

/** Takes lines about what is done right now, for a person at a terminal; not each of them is shown. */
function sayer(output: Output): (line: string) => void {
  let last = Number.NEGATIVE_INFINITY;
  return (line) => {
    const now = performance.now();
    if (output.stderr.isTTY !== true || now - last < sayMs) return;
    last = now;
    output.say(paint("dim", line));
  };
}

function lines({ checks, spaces, leftOut, evaluated }: app.Conformance, columns: number | null): string[] {
  const short = checks.filter(({ status }) => status === "falls short");
  const skipped = checks.filter(({ status }) => status === "not checked");
  const said = short.map(({ check, space, what, sentence }) => {
    const where = space === null ? "" : `${plain(space)}: `;
    const text = `${plain(what)}. The contract: "${sentence}"`;
    return wrapped(`${paint("red", "falls short")}  ${where}${check}: ${text}`, columns);
  });
  const reasons = [...new Set(skipped.map(({ what }) => plain(what)))];
  return [
    ...said,
    ...(said.length === 0 ? [] : [""]),
    ...(skipped.length === 0
      ? []
      : [wrapped(`${skipped.length} not checked: ${reasons.join("; ")}.`, columns)]),
    ...(leftOut.length === 0
      ? []
      : [wrapped(`Not looked at: ${plain(leftOut.join(", "))}. Name one with --space.`, columns)]),
    wrapped(
      `${spaces.length === 0 ? "No space is available" : plain(spaces.join(", "))}: ${checks.length - skipped.length} checks, ${short.length} ${short.length === 1 ? "falls" : "fall"} short; ${evaluated} evaluations.`,
      columns,
    ),
  ];
}
