/**
 * The best architecture, with buttons that copy it.
 *
 * winner-forms.ts has the forms.
 */
import { html, nothing, type TemplateResult } from "lit-html";
import { noWinnerYet } from "./status-words.ts";
import { errorOf } from "../../search/noise.ts";
import { hasTest, isKnown, objective, testsOnSearchImages, valueOf } from "../../search/results.ts";
import type { RunState } from "../../search/state.ts";
import { score } from "../../text/numbers.ts";
import { awaited, type Panel } from "./panel.ts";
import { copyButton } from "./parts.ts";
import type { Snapshot } from "./snapshot.ts";
import { type WinnerForms, winnerForms } from "./winner-forms.ts";

export function winnerPanel(): Panel {
  let known: { readonly of: string; readonly open: Snapshot["open"]; readonly forms: WinnerForms } | null =
    null;
  return {
    title: "Winner",
    render: ({ state, best, open, isTranslated, status }) => {
      if (best === null) return awaited(noWinnerYet(state, status));
      if (known === null || known.of !== best.text || known.open !== open)
        known = { of: best.text, open, forms: winnerForms(state, best, isTranslated ? open : null) };
      const { forms } = known;
      const { name, unit } = objective(state);
      return html`<p><code class="architecture" data-part="winner">${forms.text}</code></p>
        ${forms.isBlind ? html`<p class="faint">In the neutral names that the search saw: another version of the program made them, and this one cannot translate them.</p>` : nothing}
        ${isKnown(best.candidate) ? html`<p>Known before the search began: nothing better was found${state.ended === null ? " yet" : ""}.</p>` : nothing}
        <p>${state.ended === null ? "So far: " : ""}${name} ${score(best.value, unit, errorOf(state, best.outcome))} on the search split. ${testWords(state, best.text)}</p>
        <div class="row" role="group" aria-label="Copy the winner">
          ${copyButton("JSON", () => forms.json)}
          ${forms.templateString === null ? nothing : copyButton("template string", () => forms.templateString ?? "")}
          ${forms.command === null ? nothing : copyButton("evaluate command", () => forms.command ?? "")}
        </div>
        ${forms.command === null ? nothing : html`<pre class="command">${forms.command}</pre>`}`;
    },
  };
}

// --- internal ---

function testWords(state: RunState, text: string): TemplateResult | string {
  if (!hasTest(state)) return "The space has no test split.";
  const outcome = state.winnerTests.get(text) ?? null;
  if (outcome === null)
    return state.ended === null
      ? "The test split is asked after the end."
      : "The test split was not asked yet.";
  const value = valueOf(state, outcome);
  const { unit } = objective(state);
  if (value === null) return "The test split gave no result.";
  return `On the test split: ${score(value, unit, errorOf(state, outcome))}${testsOnSearchImages(state) ? " (the same images as the search)" : ""}.`;
}
