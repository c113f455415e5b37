/** What a panel of a run's page is, and small templates that several panels use. */
import { html, nothing, type TemplateResult } from "lit-html";
import type { Place } from "./router.ts";
import type { Snapshot } from "./snapshot.ts";

/** One part of a run's page. */
export interface Panel {
  readonly title: string;
  /** Its heading, where that changes with the run; absent: its title. */
  heading?(snapshot: Snapshot): string;
  /** Whether it takes the whole width where panels are side by side; absent: no. */
  readonly isWide?: boolean;
  /** What is to be seen, below its heading; `nothing`: the panel is left out. */
  render(snapshot: Snapshot): TemplateResult | typeof nothing;
  /** Ends what it has under way; absent: there is nothing. */
  leave?(): void;
}

/** The page around the panels. */
export interface PanelContext {
  /** The run's id. */
  readonly id: string;
  /** What a reader chose in a panel has changed: draws again. */
  changed(): void;
  /** The place that the address names; null: none. */
  place(): Place | null;
  /** The address of a place in this run. */
  hrefOf(place: Place | null): string;
  /** Opens a reply, counted from 0 over the whole run, and goes to it. */
  showReply(number: number): void;
}

/** Long content, put in only while it is unfolded; `opened` keeps the keys of the unfolded ones. */
export function fold(
  {
    opened,
    key,
    context,
  }: { readonly opened: Set<string>; readonly key: string; readonly context: PanelContext },
  summary: TemplateResult | string,
  content: () => TemplateResult | string,
): TemplateResult {
  const isOpen = opened.has(key);
  const toggled = ({ currentTarget }: Event) => {
    const { open } = currentTarget as HTMLDetailsElement;
    if (open === opened.has(key)) return;
    if (open) opened.add(key);
    else opened.delete(key);
    context.changed();
  };
  return html`<details ?open=${isOpen} @toggle=${toggled}><summary>${summary}</summary>${isOpen ? content() : nothing}</details>`;
}

/** Text as it is, with its line breaks; scrolls where it is long. */
export function verbatim(text: string, label: string): TemplateResult {
  return html`<pre class="verbatim" tabindex="0" role="group" aria-label=${label}>${text}</pre>`;
}

/** Terms and their facts; a term with nothing is left out. */
export function factsView(
  facts: readonly (readonly [string, TemplateResult | string | typeof nothing])[],
): TemplateResult {
  return html`<dl class="facts">${facts.map(([term, fact]) => (fact === nothing ? nothing : html`<div><dt>${term}</dt><dd>${fact}</dd></div>`))}</dl>`;
}

/** How much of something is used, as a bar with words. */
export function meter(label: string, used: number, of: number, words: string): TemplateResult {
  return html`<span class="meter"><progress aria-label=${label} max=${of} .value=${Math.min(used, of)}></progress><span>${words}</span></span>`;
}

/** Shown where there is nothing yet. */
export function awaited(words: string): TemplateResult {
  return html`<p class="empty">${words}</p>`;
}
