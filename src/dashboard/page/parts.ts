/**
 * Small pieces that several views use: states, times, copy buttons, empty places, and announcements to a screen
 * reader.
 */
import { html, type TemplateResult } from "lit-html";
import type { Condition } from "../../runs/shown-runs.ts";
import { ageWords, exactTime } from "../../text/durations.ts";

/** A state has a shape beside its word and its colour. */
const shapes: Readonly<Record<Condition, string>> = {
  running: "▶",
  paused: "‖",
  stopped: "■",
  finished: "✓",
  damaged: "✕",
};

/** The state of a run by word, shape and colour. */
export function stateBadge(condition: Condition): TemplateResult {
  return html`<span class="badge ${condition}"
    ><span aria-hidden="true">${shapes[condition]}</span> ${condition}</span
  >`;
}

/** Something of a run that a reader should not miss, such as "blind". */
export function mark(text: string, explanation: string): TemplateResult {
  return html`<span class="mark" title=${explanation}>${text}</span>`;
}

/** How long ago a time of ISO 8601 was, kept up to date by `keepTimes`; the exact time is its title. */
export function ago(at: string, prefix = ""): TemplateResult {
  return html`<time
    class="ago"
    datetime=${at}
    title="${prefix}${exactTime(at)}"
    .textContent=${ageWords(secondsSince(at))}
  ></time>`;
}

/** Keeps every time on the page up to date, once a second, for as long as the page is open. */
export function keepTimes(root: Element): void {
  setInterval(() => {
    if (document.hidden) return;
    const now = Date.now();
    for (const time of root.querySelectorAll("time.ago")) {
      const words = ageWords(secondsSince(time.getAttribute("datetime") ?? "", now));
      if (time.textContent !== words) time.textContent = words;
    }
  }, 1_000);
}

/** A button that copies a text, put together when it is pressed. */
export function copyButton(label: string, text: () => string): TemplateResult {
  return html`<button type="button" class="copy" @click=${() => void copy(label, text())}>Copy ${label}</button>`;
}

/** Shown where there is nothing yet: what that means and what to do. */
export function emptyState(title: string, ...sentences: (string | TemplateResult)[]): TemplateResult {
  return html`<div class="empty">
    <p><strong>${title}</strong></p>
    ${sentences.map((sentence) => html`<p>${sentence}</p>`)}
  </div>`;
}

/** Says something to those who do not see it, politely. */
export function announce(text: string): void {
  const region = document.getElementById(announcements);
  if (region === null) return;
  // The same words twice would not be said again.
  region.textContent = "";
  setTimeout(() => {
    region.textContent = text;
  }, 50);
}

/** Where `announce` puts its words; once on the page. */
export function announcementRegion(): TemplateResult {
  return html`<div id="announcements" class="unseen" role="status" aria-live="polite"></div>`;
}

// --- internal ---

const announcements = "announcements";

async function copy(label: string, text: string): Promise<void> {
  const isCopied = await navigator.clipboard?.writeText(text).then(
    () => true,
    () => copyBySelection(text),
  );
  announce((isCopied ?? copyBySelection(text)) ? `${label} copied` : `${label} could not be copied`);
}

/** Where the clipboard is out of reach: on a page that is not on this machine and not on https. */
function copyBySelection(text: string): boolean {
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "unseen";
  const focused = document.activeElement;
  document.body.append(field);
  field.select();
  // oxlint-disable-next-line typescript/no-deprecated -- nothing else copies there
  const isCopied = document.execCommand("copy");
  field.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return isCopied;
}

/** The seconds from a time of ISO 8601 to now; not a number where it is no time. */
function secondsSince(at: string, now = Date.now()): number {
  return (now - Date.parse(at)) / 1_000;
}
