/**
 * What the models were asked and what they replied, newest first.
 *
 * What a model wrote is shown as text and never as markup.
 */
import { html, nothing, type TemplateResult } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import { amount, counted, money } from "../../text/numbers.ts";
import type { Message } from "../../search/events.ts";
import { outputModeWords, truncationWords } from "../../report/words.ts";
import { type RepairKind, repairKinds } from "../../search/repairs.ts";
import { usdOf } from "../../search/spend.ts";
import type { ChatCall } from "../../search/state.ts";
import { preciseDuration as duration } from "../../text/durations.ts";
import { roleName } from "./event-words.ts";
import { awaited, type PanelContext, fold, type Panel, verbatim } from "./panel.ts";
import type { Replied } from "./snapshot.ts";
import { waitingWords } from "./status-words.ts";

/** How many are shown before a reader asks for more, and how many more then. */
const atOnce = 30;

export interface RepliesPanel extends Panel {
  /** Unfolds a reply, counted from 0 over the whole run; returns the id of its element. */
  open(number: number): string;
}

export function repliesPanel(context: PanelContext): RepliesPanel {
  const opened = new Set<string>();
  /** Every reply from this one on is shown; null: the newest few. */
  let from: number | null = null;
  return {
    title: "Replies",
    open: (number) => {
      opened.add(contentKey(number));
      if (from === null || from > number) from = number;
      return replyId(number);
    },
    render: ({ state, replies, status }) => {
      if (state.models === null) return awaited("This searcher asks no model.");
      const count = state.chats.length;
      if (count === 0) return awaited(waitingWords(state, status));
      // One that was asked for stays in view; else no more than the newest few.
      const first = Math.max(0, Math.min(from ?? count, count - atOnce));
      const shown = state.chats
        .slice(first)
        .map((chat, at) => ({ chat, number: first + at, asked: replies[first + at] }))
        .reverse();
      return html`<p class="faint">${counted(count, "reply", "replies")}${first > 0 ? `, the newest ${count - first} shown` : ""}.</p>
        <ol class="replies" tabindex="0" aria-label="Replies, newest first" reversed start=${count}>${repeat(
          shown,
          ({ number }) => number,
          ({ chat, number, asked }) => replyView({ chat, number, asked, opened, context }),
        )}</ol>
        ${
          first > 0
            ? html`<button type="button" @click=${() => {
                from = Math.max(0, first - atOnce);
                context.changed();
              }}>Show more replies</button>`
            : nothing
        }`;
    },
  };
}

// --- internal ---

function replyId(number: number): string {
  return `reply-${number + 1}`;
}

function contentKey(number: number): string {
  return `${number} content`;
}

interface Shown {
  readonly chat: ChatCall;
  readonly number: number;
  readonly asked: Replied | undefined;
  readonly opened: Set<string>;
  readonly context: PanelContext;
}

function replyView({ chat, number, asked, opened, context }: Shown): TemplateResult {
  const { role, round, attempt, reply, rejected, repairs, condensed, truncatedTo } = chat;
  const name = `reply ${number + 1}`;
  const notes = [
    ...(condensed ? ["The conversation began again here: it no longer fitted the model's window."] : []),
    ...(truncatedTo === null ? [] : [`${truncationWords(truncatedTo)}.`]),
    ...Object.entries(repairs).map(
      ([kind, times]) =>
        `Form repaired: ${repairKinds[kind as RepairKind] ?? kind}${times > 1 ? ` (${times} times)` : ""}.`,
    ),
    ...(reply.notes ?? []),
    ...(reply.probes ?? []).map(
      ({ outputMode, finding, words }) => `Probe, ${outputModeWords[outputMode]} ${finding}: ${words}`,
    ),
    ...reply.failures.map((words) => `Failed attempt: ${words}`),
  ];
  return html`<li id=${replyId(number)} tabindex="-1" class=${rejected === null ? "" : "rejected"}>
    <p><strong>${roleName(role)}</strong>, <a href=${context.hrefOf({ round, candidate: null })}>round ${round}</a>${attempt > 1 ? `, attempt ${attempt}` : ""}
      <span class="faint">${factsOf(chat).join(" · ")}</span></p>
    ${rejected === null ? nothing : html`<p class="trouble">Could not be read: ${rejected.join("; ")}</p>`}
    ${notes.length === 0 ? nothing : html`<ul class="reasons">${notes.map((note) => html`<li>${note}</li>`)}</ul>`}
    ${fold({ opened, key: contentKey(number), context }, `What it said (${counted(reply.content.length, "character")})`, () => verbatim(reply.content, `Content of ${name}`))}
    ${
      reply.reasoning === null
        ? nothing
        : fold(
            { opened, key: `${number} reasoning`, context },
            `Its reasoning (${counted(reply.reasoning.length, "character")})`,
            () => verbatim(reply.reasoning ?? "", `Reasoning of ${name}`),
          )
    }
    ${
      asked === undefined
        ? nothing
        : fold({ opened, key: `${number} asked`, context }, `What was asked (${askedWords(asked)})`, () =>
            askedView(asked.added, name),
          )
    }
  </li>`;
}

function factsOf({ reply, price }: ChatCall): string[] {
  const { inputTokens, outputTokens, cachedTokens, reasoningTokens } = reply;
  const isPriced = price !== null && inputTokens !== null && outputTokens !== null;
  return [
    reply.model,
    inputTokens === null && outputTokens === null
      ? "tokens not given"
      : `${amount(inputTokens)} tokens in${cachedTokens === undefined ? "" : ` (${amount(cachedTokens)} read before)`}, ${amount(outputTokens)} out${reasoningTokens === undefined ? "" : ` (${amount(reasoningTokens)} thinking)`}`,
    ...(isPriced
      ? [`${money(usdOf(price, { inputTokens, outputTokens, cachedTokens: cachedTokens ?? 0 }))} USD`]
      : []),
    duration(reply.seconds),
    ...(reply.finishReason === null ? [] : [`finished: ${reply.finishReason}`]),
    ...(reply.outputMode === undefined ? [] : [`asked for ${outputModeWords[reply.outputMode]}`]),
  ];
}

function askedWords({ added, carried }: Replied): string {
  const earlier = carried === 0 ? "" : `, after ${counted(carried, "earlier message")} of the conversation`;
  return `${counted(added.length, "message")}${earlier}`;
}

function askedView(messages: readonly Message[], name: string): TemplateResult {
  return html`${messages.map(({ role, content }, at) => html`<p class="faint">${role}</p>${verbatim(content, `Message ${at + 1} before ${name}, ${role}`)}`)}`;
}
