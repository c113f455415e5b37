/**
 * The status of a run: the best, what is used, how long it may still take, and what to do next.
 *
 * The words are those of status-words.ts; every number comes from a selector.
 */
import { capUnits, tiesWords } from "../../report/words.ts";
import { html, nothing, type TemplateResult } from "lit-html";
import { amount, money, score, withUnit } from "../../text/numbers.ts";
import { secondsWorked } from "../../search/progress.ts";
import { errorOf } from "../../search/noise.ts";
import { objective } from "../../search/results.ts";
import { preciseDuration as duration } from "../../text/durations.ts";
import { awaited, type PanelContext, factsView, meter, type Panel } from "./panel.ts";
import type { Connection } from "./run-stream.ts";
import type { Snapshot } from "./snapshot.ts";
import { nextStep, noWinnerYet, roundsWords, timeLeftWords, unitOfCost } from "./status-words.ts";

/** What the panel shows besides the snapshot. */
export interface Beside {
  readonly connection: Connection;
  readonly isCaughtUp: boolean;
  /** The run's folder as a command takes it; null: not known yet. */
  readonly folder: string | null;
}

/** @param beside asked at each drawing */
export function statusPanel(context: PanelContext, beside: () => Beside): Panel {
  return {
    title: "Status",
    render: (snapshot) => {
      const { state, evaluated, status, secondsLeft } = snapshot;
      return html`${bestView(snapshot, context)}
        ${factsView([
          [
            "Evaluations",
            meter(
              "Evaluations of the budget",
              evaluated,
              state.search.budget,
              `${amount(evaluated)} of ${amount(state.search.budget)}`,
            ),
          ],
          ["Rounds", roundsWords(state, status)],
          ["Time worked", duration(secondsWorked(state))],
          ["Time left", timeLeftWords(secondsLeft, status) ?? nothing],
          ["Tokens", tokensView(snapshot)],
          ["Money", moneyView(snapshot)],
          ["This page", connectionView(beside())],
        ])}
        ${nextView(snapshot, beside())}`;
    },
  };
}

// --- internal ---

function bestView({ state, best, ties, open, status }: Snapshot, context: PanelContext): TemplateResult {
  if (best === null) return awaited(noWinnerYet(state, status));
  const { round, index } = best.candidate;
  const { name, unit, higherIsBetter } = objective(state);
  const costs = Object.entries(best.measured.costs).map(
    ([cost, value]) => `${cost} ${withUnit(value, unitOfCost(state, cost))}`,
  );
  return html`<p class="headline"><span class="value" data-part="best">${score(best.value, unit, errorOf(state, best.outcome))}</span>
      <span>best ${name}, ${higherIsBetter ? "higher" : "lower"} is better</span></p>
    ${ties === null ? nothing : html`<p class="faint" data-part="ties">± is one standard error of this evaluation${ties.size === 0 ? "" : `; ${tiesWords(ties.size)}`}.</p>`}
    <p>Found in <a href=${context.hrefOf({ round, candidate: index + 1 })}>round ${round}, candidate ${index + 1}</a>:
      <code class="architecture">${open(best.text)}</code></p>
    <p class="faint">${costs.join(", ")}</p>`;
}

const noModel = "none: this searcher asks no model";

function tokensView({ state, spend, metered }: Snapshot): TemplateResult | string {
  if (state.models === null) return noModel;
  const known =
    spend.inputTokens === null && spend.outputTokens === null
      ? "not given by the server"
      : `${amount(spend.inputTokens)} in, ${amount(spend.outputTokens)} out`;
  const cap = state.search.caps?.tokens;
  if (cap === undefined) return known;
  const left = amount(Math.max(0, cap - metered.tokens));
  return meter(
    "Tokens of the cap",
    metered.tokens,
    cap,
    `${known}; ${amount(metered.tokens)} of ${amount(cap)} counted, ${left} left`,
  );
}

function moneyView(snapshot: Snapshot): TemplateResult | string {
  const { state, spend, metered } = snapshot;
  if (state.models === null) return noModel;
  const known = spend.usd === null ? unknownMoney(snapshot) : `${money(spend.usd)} USD`;
  const cap = state.search.caps?.usd;
  if (cap === undefined) return known;
  const left = money(Math.max(0, cap - metered.usd));
  return meter(
    "Money of the cap",
    metered.usd,
    cap,
    `${known}; ${money(metered.usd)} of ${money(cap)} USD counted, ${left} USD left`,
  );
}

function unknownMoney({ state: { prices, chats }, spend: { inputTokens, outputTokens } }: Snapshot): string {
  if (chats.length > 0 && inputTokens === 0 && outputTokens === 0) return "none: no tokens were used";
  if (prices === undefined || Object.values(prices).includes(null)) return "not known: no price is known";
  return chats.length === 0 ? "none so far" : "not known, because tokens are not";
}

const connectionWords: Readonly<Record<Connection, string>> = {
  connecting: "is connecting",
  open: "is live",
  lost: "has lost its server and tries again; what it shows may be out of date",
};

function connectionView({ connection, isCaughtUp }: Beside): TemplateResult {
  const words = connection === "open" && !isCaughtUp ? "is reading the record" : connectionWords[connection];
  return html`<span data-part="connection" data-state=${connection}>${words}</span>`;
}

function nextView({ state, status }: Snapshot, { folder }: Beside): TemplateResult | typeof nothing {
  const next = nextStep(state, status, folder);
  if (next === null) return nothing;
  const cap = state.capReached;
  return html`<div class="note" data-part="next">
    ${cap === null ? nothing : html`<p>The cap of ${cap.cap === "usd" ? money(cap.allowed) : amount(cap.allowed)} ${capUnits[cap.cap]} was reached in round ${cap.round}.</p>`}
    <p>${next.words}</p>
    ${next.commands.map((command) => html`<pre class="command">${command}</pre>`)}
  </div>`;
}
