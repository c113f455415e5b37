/**
 * What a run has used, by role and in all, and what its caps leave.
 *
 * The sums are those of search/spend.ts.
 */
import { capUnits } from "../../report/words.ts";
import { html, type TemplateResult } from "lit-html";
import { amount, money, unknown } from "../../text/numbers.ts";
import { type Cap, type Role, roleSchema } from "../../search/events.ts";
import { type Spend, spend } from "../../search/spend.ts";
import { preciseDuration as duration } from "../../text/durations.ts";
import { roleName } from "./event-words.ts";
import { meter, type Panel } from "./panel.ts";
import type { Snapshot } from "./snapshot.ts";
import { evaluationsWords } from "./status-words.ts";

export function spendPanel(): Panel {
  return {
    title: "Spend",
    render: (snapshot) => html`${capsView(snapshot)}${tableView(snapshot)}`,
  };
}

// --- internal ---

const capNames: Readonly<Record<Cap, string>> = {
  tokens: "Cap on tokens",
  usd: "Cap on money",
  seconds: "Cap on time worked",
};

function capsView({ state, metered }: Snapshot): TemplateResult {
  const caps = Object.entries(state.search.caps ?? {}) as [Cap, number][];
  if (caps.length === 0) return html`<p class="faint">No cap on tokens, money or time.</p>`;
  return html`<dl class="facts">${caps.map(([cap, allowed]) => {
    const write = (value: number) => (cap === "usd" ? money(value) : amount(value));
    const used = metered[cap];
    return html`<div><dt>${capNames[cap]}</dt><dd>${meter(
      capNames[cap],
      used,
      allowed,
      `${write(used)} of ${write(allowed)} ${capUnits[cap]}, ${write(Math.max(0, allowed - used))} left`,
    )}</dd></div>`;
  })}</dl>`;
}

interface Row {
  readonly name: string;
  readonly of: (spent: Spend) => string;
  /** Whether it is left out where nothing is known of it; absent: no. */
  readonly isOptional?: true;
}

const rows: readonly Row[] = [
  { name: "Replies", of: ({ chatCalls }) => amount(chatCalls) },
  { name: "Tokens in", of: ({ inputTokens }) => amount(inputTokens) },
  { name: "of these read before", of: ({ cachedTokens }) => amount(cachedTokens), isOptional: true },
  { name: "Tokens out", of: ({ outputTokens }) => amount(outputTokens) },
  { name: "of these thinking", of: ({ reasoningTokens }) => amount(reasoningTokens), isOptional: true },
  { name: "Money", of: ({ usd }) => (usd === null ? unknown : `${money(usd)} USD`) },
  { name: "Time for replies", of: ({ chatSeconds }) => duration(chatSeconds) },
  { name: "Unreadable replies", of: ({ rejectedReplies }) => amount(rejectedReplies) },
  { name: "Repaired replies", of: ({ repairedReplies }) => amount(repairedReplies) },
  { name: "Failed attempts", of: ({ failedAttempts }) => amount(failedAttempts) },
  { name: "of these perhaps charged for", of: ({ billedFailures }) => amount(billedFailures) },
  { name: "Probes", of: ({ probes }) => amount(probes) },
];

function tableView(snapshot: Snapshot): TemplateResult {
  const { state, spend: all } = snapshot;
  const evaluating = html`<p>${evaluationsWords(state)}</p>`;
  if (state.models === null) return html`${evaluating}<p class="faint">No model was asked.</p>`;
  const byRole = roleSchema.options.map((role) => ({ role, spent: spendOf(snapshot, role) }));
  const shown = rows.filter(
    ({ of, isOptional }) =>
      isOptional !== true ||
      [all, ...byRole.map(({ spent }) => spent)].some((spent) => of(spent) !== unknown),
  );
  return html`${evaluating}
    <div class="box" tabindex="0" role="group" aria-label="Spend by role, scrolls sideways where it is wider than its place"><table>
      <thead><tr><th scope="col">What</th>${byRole.map(({ role }) => html`<th scope="col" class="right">${roleName(role)}</th>`)}<th scope="col" class="right">In all</th></tr></thead>
      <tbody>${shown.map(
        ({ name, of }) =>
          html`<tr><th scope="row">${name}</th>${byRole.map(({ spent }) => html`<td class="right">${of(spent)}</td>`)}<td class="right">${of(all)}</td></tr>`,
      )}</tbody>
    </table></div>
    <p class="faint">${unknown}: the server did not give it, or no price is known.</p>`;
}

/** The same sums over the calls of one role. */
function spendOf({ state }: Snapshot, role: Role): Spend {
  return spend({
    ...state,
    rounds: [],
    chats: state.chats.filter((chat) => chat.role === role),
    failedCalls: state.failedCalls.filter((call) => call.role === role),
  });
}
