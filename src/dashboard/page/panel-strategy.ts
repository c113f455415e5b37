/**
 * The strategy of a round, how it differs from the one before, and a person's hints.
 *
 * strategy-change.ts finds the difference.
 */
import { html, nothing, type TemplateResult } from "lit-html";
import type { RunState } from "../../search/state.ts";
import { strategySummary } from "../../search/strategy.ts";
import type { StatusMessage } from "../protocol.ts";
import { awaited, type PanelContext, type Panel } from "./panel.ts";
import { isUnderWay, waitingWords } from "./status-words.ts";
import { type Piece, roundsWithStrategy, strategyChange } from "./strategy-change.ts";

export function strategyPanel(context: PanelContext): Panel {
  /** Null: the newest. */
  let chosen: number | null = null;
  let isChangeShown = true;
  let known: { readonly before: string; readonly after: string; readonly pieces: readonly Piece[] } | null =
    null;

  const changeOf = (before: string, after: string): readonly Piece[] => {
    if (known === null || known.before !== before || known.after !== after)
      known = { before, after, pieces: strategyChange(before, after) };
    return known.pieces;
  };

  const choose = (round: number | null) => {
    chosen = round;
    context.changed();
  };

  return {
    title: "Strategy",
    render: ({ state, status }) => {
      const rounds = roundsWithStrategy(state);
      const newest = rounds.at(-1);
      if (newest === undefined) return html`${waitingHints(state, 0)}${awaited(nothingWords(state, status))}`;
      const round = chosen !== null && rounds.includes(chosen) ? chosen : newest;
      const at = rounds.indexOf(round);
      const before = rounds[at - 1];
      const text = textOf(state, round);
      const summary = strategySummary(text);
      const isChange = isChangeShown && before !== undefined;
      const pieces = isChange ? changeOf(textOf(state, before), text) : [];
      return html`<div class="row">
          <label>Round <select @change=${({ currentTarget }: Event) => {
            const number = Number((currentTarget as HTMLSelectElement).value);
            choose(number === newest ? null : number);
          }}>${rounds
            .toReversed()
            .map(
              (each) =>
                html`<option value=${each} .selected=${each === round}>${each}${each === newest ? (state.ended === null ? " (in force)" : " (the last)") : ""}</option>`,
            )}</select></label>
          <label><input type="checkbox" role="switch" .checked=${isChangeShown} ?disabled=${before === undefined} @change=${() => {
            isChangeShown = !isChangeShown;
            context.changed();
          }}> Show changes</label>
        </div>
        ${hintsOf(state, round)}
        ${summary === "" ? nothing : html`<p class="summary" data-part="summary">${summary}</p>`}
        <p class="faint">${setWords(round, before, isChange ? pieces : null)}</p>
        <div class="verbatim" tabindex="0" role="group" aria-label="The strategy of round ${round}">${
          isChange ? pieces.map(pieceView) : text
        }</div>
        ${waitingHints(state, newest)}`;
    },
  };
}

// --- internal ---

function textOf(state: RunState, round: number): string {
  return state.rounds[round - 1]?.strategy ?? "";
}

/** @param pieces null: changes are not shown */
function setWords(round: number, before: number | undefined, pieces: readonly Piece[] | null): string {
  if (before === undefined) return `The first strategy, set in round ${round}.`;
  if (pieces === null) return `Set in round ${round}.`;
  return pieces.every(({ kind }) => kind === "same")
    ? `Set in round ${round}, word for word as in round ${before}.`
    : `Set in round ${round}. Words that the strategy of round ${before} did not have are underlined, words that only it had are struck through.`;
}

function pieceView({ kind, text }: Piece): TemplateResult | string {
  switch (kind) {
    case "same":
      return text;
    case "added":
      return html`<ins>${text}</ins>`;
    case "removed":
      return html`<del>${text}</del>`;
  }
}

/** A person's hints for this round's strategy. */
function hintsOf({ hints }: RunState, round: number): TemplateResult[] {
  return hints
    .filter((hint) => hint.round === round)
    .map(({ text }) => hintView(text, `Hint from a person to the Navigator of round ${round}:`));
}

/** Hints for a strategy that is still to come. */
function waitingHints({ hints }: RunState, newest: number): TemplateResult[] {
  return hints
    .filter(({ round }) => round > newest)
    .map(({ round, text }) =>
      hintView(
        text,
        `Hint from a person to the Navigator of round ${round}, whose strategy is still to come:`,
      ),
    );
}

function hintView(text: string, words: string): TemplateResult {
  return html`<figure class="hint-quote"><figcaption>${words}</figcaption><blockquote>${text}</blockquote></figure>`;
}

function nothingWords(state: RunState, status: StatusMessage | null): string {
  if (state.models === null && state.rounds.some(({ closed }) => closed))
    return "This searcher follows no strategy in words.";
  if (!isUnderWay(state, status)) return "No strategy was set.";
  return `${waitingWords(state, status)} It will be shown here.`;
}
