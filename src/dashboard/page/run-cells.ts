/** The cells of a row in the list of runs, and the marks next to its name. */
import { html, nothing, type TemplateResult } from "lit-html";
import type { RunRow } from "../../runs/shown-runs.ts";
import { exactTime } from "../../text/durations.ts";
import { amount, money, score, unknown } from "../../text/numbers.ts";
import { ago, mark } from "./parts.ts";

export const blindMark = mark("blind", "The search does not see the space's own names.");

export function marksOf({ isBlind, known, hints }: RunRow): TemplateResult {
  return html`${isBlind ? blindMark : nothing}
  ${known === 0 ? nothing : mark(`${amount(known)} known`, "It began with results that cost none of its budget.")}
  ${
    hints === 0
      ? nothing
      : mark(
          hints === 1 ? "1 hint" : `${hints} hints`,
          "A person gave the Navigator hints: left out of the averages of benches.",
        )
  }`;
}

/** The columns after the name; a bench has them like a run. */
export function sharedCells(row: RunRow): TemplateResult {
  return html`<td role="cell" data-label="Space">${row.space || unknown}</td>
    <td role="cell" data-label="Searcher">${row.searcher || unknown}</td>
    <td role="cell" data-label="Model">${row.model ?? unknown}</td>
    <td role="cell" data-label="Best" class="right">${bestOf(row)}</td>
    <td role="cell" data-label="Evaluations" class="right">${amount(row.evaluations)} <span class="of">of ${amount(row.budget)}</span></td>
    <td role="cell" data-label="Tokens" class="right">${amount(row.tokens)}</td>
    <td role="cell" data-label="Money" class="right">${row.usd === null ? unknown : `${money(row.usd)} USD`}</td>
    <td role="cell" data-label="Began" class="right">${beganOf(row)}</td>`;
}

// --- internal ---

function beganOf({ startedAt, lastAt }: RunRow): TemplateResult | string {
  if (startedAt === "") return unknown;
  return ago(startedAt, lastAt === "" ? "" : `last event ${exactTime(lastAt)}; began `);
}

function bestOf({ best, metric }: RunRow): TemplateResult | string {
  if (best === null || metric === null) return unknown;
  const words = metric.higherIsBetter ? "higher is better" : "lower is better";
  const unit = metric.unit === metric.name ? "" : metric.unit;
  return html`<span title="${metric.name}, ${words}"
    >${score(best, unit)}<span class="direction" aria-hidden="true"
      >${metric.higherIsBetter ? "↑" : "↓"}</span
    ><span class="unseen">, ${words}</span></span
  >`;
}
