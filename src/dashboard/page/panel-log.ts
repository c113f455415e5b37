/**
 * Everything that happened, newest first, with a filter by type.
 *
 * event-words.ts has the sentences.
 */
import { html, nothing, type TemplateResult } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import type { RunEvent } from "../../search/events.ts";
import { counted } from "../../text/numbers.ts";
import { eventSentence, eventTypes } from "./event-words.ts";
import { awaited, type PanelContext, fold, type Panel, verbatim } from "./panel.ts";
import type { Snapshot } from "./snapshot.ts";
import { exactTime } from "../../text/durations.ts";

/** How many lines are shown before a reader asks for more, and how many more then. */
const atOnce = 100;

export function logPanel(context: PanelContext): Panel {
  const opened = new Set<string>();
  let type: RunEvent["type"] | null = null;
  let most = atOnce;
  return {
    title: "Event log",
    render: (snapshot) => {
      const { count } = snapshot;
      const total = type === null ? count : (snapshot.places.get(type)?.length ?? 0);
      const shown = newest(snapshot, type, Math.min(most, total));
      return html`<p><span data-part="log-count">${counted(count, "event")}</span>${type === null ? nothing : ` in all, ${total} of this type`}</p>
        <div class="row"><label>Show <select @change=${({ currentTarget }: Event) => {
          const { value } = currentTarget as HTMLSelectElement;
          type = eventTypes.find((each) => each === value) ?? null;
          most = atOnce;
          context.changed();
        }}>
          <option value="" .selected=${type === null}>all events</option>
          ${eventTypes.map((each) => html`<option value=${each} .selected=${each === type}>${each}</option>`)}
        </select></label></div>
        ${
          total === 0
            ? awaited("Nothing of this type has happened.")
            : html`<div class="log" tabindex="0" role="group" aria-label="Events, newest first"><ol reversed start=${count}>${repeat(
                shown,
                ({ seq }) => seq,
                (event) => lineView(event, opened, context),
              )}</ol></div>`
        }
        ${
          shown.length < total
            ? html`<p>The newest ${shown.length} of ${total} are shown. <button type="button" @click=${() => {
                most += atOnce;
                context.changed();
              }}>Show more events</button></p>`
            : nothing
        }`;
    },
  };
}

// --- internal ---

function newest(
  { events, count, places }: Snapshot,
  type: RunEvent["type"] | null,
  most: number,
): RunEvent[] {
  if (type === null) return events.slice(count - most, count).reverse();
  return (places.get(type) ?? [])
    .slice(-most || Number.POSITIVE_INFINITY)
    .reverse()
    .map((place) => events[place] as RunEvent);
}

const lines = new WeakMap<RunEvent, string>();

/** An event never changes, so neither does its sentence. */
function sentenceOf(event: RunEvent): string {
  const known = lines.get(event);
  if (known !== undefined) return known;
  const sentence = eventSentence(event);
  lines.set(event, sentence);
  return sentence;
}

function lineView(event: RunEvent, opened: Set<string>, context: PanelContext): TemplateResult {
  const key = `${event.seq}`;
  return html`<li value=${event.seq}><span class="seq">${event.seq}</span>
    <time datetime=${event.at} title=${exactTime(event.at)}>${event.at.slice(11, 19)}</time>
    <code>${event.type}</code>
    <span class="sentence">${sentenceOf(event)}</span>
    ${fold({ opened, key, context }, html`JSON<span class="unseen"> of event ${event.seq}</span>`, () => verbatim(JSON.stringify(event, null, 2), `Event ${event.seq} as JSON`))}
  </li>`;
}
