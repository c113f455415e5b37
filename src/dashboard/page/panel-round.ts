/**
 * One round, candidate by candidate: the newest, or the one that the address names.
 *
 * candidate-words.ts says what happened to a candidate.
 */
import { html, nothing, type TemplateResult } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import { counted, score, unitSign, withUnit } from "../../text/numbers.ts";
import type { Candidate, Round, RunState } from "../../search/state.ts";
import { objective } from "../../search/results.ts";
import { type Alike, alikeIn, type CandidateWords, candidateWords, keyOf } from "./candidate-words.ts";
import { awaited, type PanelContext, type Panel } from "./panel.ts";
import { isUnderWay, unitOfCost, waitingWords } from "./status-words.ts";
import type { Snapshot } from "./snapshot.ts";

export function roundPanel(context: PanelContext): Panel {
  const opened = new Set<string>();
  return {
    title: "Rounds",
    heading: ({ state, status }) => (isUnderWay(state, status) ? "Round in progress" : "Rounds"),
    isWide: true,
    render: (snapshot) => {
      const { state, status } = snapshot;
      const newest = state.rounds.length;
      const place = context.place();
      const round = state.rounds[(place?.round ?? newest) - 1];
      if (newest === 0) return awaited(waitingWords(state, status));
      if (round === undefined)
        return html`${awaited(`The run has no round ${place?.round}; it has ${newest}.`)}
          <p><a href=${context.hrefOf(null)}>Show round ${newest}</a></p>`;
      return html`${steps(round.round, newest, place !== null, context)}
        <p class="faint" data-part="round">${roundWords(round, newest, snapshot)}${awaitedWords(round, newest, snapshot)}</p>
        ${round.candidates.length === 0 ? awaited(emptyWords(round, snapshot)) : tableView(round, snapshot, context, opened)}`;
    },
  };
}

/** The reply that a round's candidates come from, as its place in the state's calls; null: no model was asked. */
function replyOf({ chats }: Pick<RunState, "chats">, round: number): number | null {
  const of = (role: "generator" | "navigator") =>
    chats.findLastIndex((chat) => chat.round === round && chat.role === role && chat.rejected === null);
  const found = of("generator") === -1 ? of("navigator") : of("generator");
  return found === -1 ? null : found;
}

/** The id of a candidate's row. */
export function rowId(round: number, candidate: number): string {
  return `round-${round}-candidate-${candidate}`;
}

// --- internal ---

function steps(round: number, newest: number, isChosen: boolean, context: PanelContext): TemplateResult {
  const go = (to: number) => () => {
    if (to >= 1 && to <= newest) location.hash = context.hrefOf({ round: to, candidate: null });
  };
  return html`<div class="row">
    <button type="button" aria-disabled=${round <= 1} @click=${go(round - 1)}>Earlier round</button>
    <span>Round ${round} of ${newest}</span>
    <button type="button" aria-disabled=${round >= newest} @click=${go(round + 1)}>Later round</button>
    ${isChosen ? html`<a href=${context.hrefOf(null)}>Follow the newest</a>` : nothing}
  </div>`;
}

function roundWords(round: Round, newest: number, { state, status }: Snapshot): string {
  const measured = round.candidates.filter(({ outcome }) => outcome !== null).length;
  const open = round.candidates.filter(
    ({ verdict, outcome }) => verdict.kind === "accepted" && outcome === null,
  ).length;
  const parts = [
    `Round ${round.round}${round.closed ? "" : round.round === newest && isUnderWay(state, status) ? " is under way" : " was not closed"}`,
    counted(round.candidates.length, "candidate"),
    `${measured} evaluated`,
    ...(open > 0 ? [`${open} to be evaluated`] : []),
  ];
  return `${parts.join(", ")}.`;
}

/** What is under way after the last round. */
function awaitedWords(round: Round, newest: number, { state, status }: Snapshot): string {
  if (round.round !== newest || !round.closed || state.ended !== null) return "";
  if (status?.condition !== "running") return "";
  return state.models === null
    ? ` The candidates of round ${newest + 1} are being drawn.`
    : ` The Navigator is being asked for the strategy of round ${newest + 1}.`;
}

function emptyWords(round: Round, { state, status }: Snapshot): string {
  if (round.closed || !isUnderWay(state, status)) return "Nothing was proposed in this round.";
  return state.models === null
    ? "Its candidates are being drawn."
    : round.strategy === null
      ? "The Navigator is being asked for a strategy."
      : "The Generator is being asked for candidates.";
}

function tableView(
  round: Round,
  snapshot: Snapshot,
  context: PanelContext,
  opened: Set<string>,
): TemplateResult {
  const { state } = snapshot;
  const metric = objective(state);
  const costs = state.space.costs.map(({ name }) => name);
  const reply = replyOf(state, round.round);
  const place = context.place();
  const aimed = place?.round === round.round ? place.candidate : null;
  const row = (candidate: Candidate) =>
    rowView(candidate, snapshot, context, { costs, reply, isAimedAt: aimed === candidate.index + 1 });
  const { single, alike } = alikeIn(round.candidates, (candidate) =>
    candidateWords(state, candidate, snapshot.open),
  );
  const columns = costs.length + (reply === null ? 3 : 4);
  const groupRows = (group: Alike) => {
    const key = `${round.round} ${group.fate}`;
    const isAimedAt = group.candidates.some(({ index }) => index + 1 === aimed);
    const isOpen = isAimedAt || opened.has(key);
    const turn = () => {
      if (!opened.delete(key)) opened.add(key);
      context.changed();
    };
    return [
      { key, view: alikeView(group, isOpen, turn, columns) },
      ...(isOpen
        ? group.candidates.map((candidate) => ({ key: keyOf(candidate), view: row(candidate) }))
        : []),
    ];
  };
  const rows = [
    ...single.map((candidate) => ({ key: keyOf(candidate), view: row(candidate) })),
    ...alike.flatMap(groupRows),
  ];
  return html`<div class="box" tabindex="0" role="group" aria-label="Candidates of round ${round.round}, scrolls sideways where it is wider than its place">
    <table class="candidates">
      <thead><tr>
        <th scope="col" class="right">No.</th>
        <th scope="col">Architecture</th>
        <th scope="col">What happened to it</th>
        ${costs.map((name) => html`<th scope="col" class="right">${nameWithUnit(name, unitOfCost(state, name))}</th>`)}
        <th scope="col" class="right">${nameWithUnit(metric.name, metric.unit)}</th>
        ${reply === null ? nothing : html`<th scope="col">Proposed in</th>`}
      </tr></thead>
      <tbody>${repeat(
        rows,
        ({ key }) => key,
        ({ view }) => view,
      )}</tbody>
    </table>
  </div>`;
}

/** Candidates alike, as one row that opens to theirs. */
function alikeView(
  { fate, reason, candidates }: Alike,
  isOpen: boolean,
  turn: () => void,
  columns: number,
): TemplateResult {
  return html`<tr class="alike">
    <th scope="row" class="right">${candidates.length} ×</th>
    <td colspan=${columns}><button type="button" class="link" aria-expanded=${isOpen} @click=${turn}
        >${counted(candidates.length, "candidate")} ${fate}</button>
      <span class="reason">${reason}</span></td>
  </tr>`;
}

function rowView(
  candidate: Candidate,
  { state, open, improvers, best, ties }: Snapshot,
  context: PanelContext,
  {
    costs,
    reply,
    isAimedAt,
  }: { readonly costs: readonly string[]; readonly reply: number | null; readonly isAimedAt: boolean },
): TemplateResult {
  const words = candidateWords(state, candidate, open);
  const number = candidate.index + 1;
  const isBest = best !== null && best.candidate === candidate;
  const isImproved = improvers.has(keyOf(candidate));
  const isTie = candidate.verdict.kind === "accepted" && ties?.has(candidate.verdict.measured.text) === true;
  return html`<tr id=${rowId(candidate.round, number)} tabindex="-1" class=${[`verdict-${candidate.verdict.kind}`, ...(isAimedAt ? ["aimed"] : [])].join(" ")}>
    <th scope="row" class="right"><a href=${context.hrefOf({ round: candidate.round, candidate: number })} aria-label="Candidate ${number}">${number}</a></th>
    <td><code class="architecture">${words.text}</code></td>
    <td>${words.fate}${isBest ? html` <strong class="better">${state.ended === null ? "★ best so far" : "★ the winner"}</strong>` : isImproved ? html` <strong class="better">▲ improved the best</strong>` : nothing}${isTie ? html`<span class="faint">, within noise of the best</span>` : nothing}
      ${reasonsView(words.reasons)}</td>
    ${costs.map((name) => html`<td class="right">${withUnit(words.costs[name], "")}</td>`)}
    <td class="right">${score(words.value, "", words.error)}</td>
    ${reply === null ? nothing : html`<td class="proposed"><button type="button" class="link" @click=${() => context.showReply(reply)}>reply ${reply + 1}</button></td>`}
  </tr>`;
}

/** A single sentence is shown as it is; several, or one with a code, as a list. */
function reasonsView(reasons: CandidateWords["reasons"]): TemplateResult | typeof nothing {
  const [first] = reasons;
  if (first === undefined) return nothing;
  if (reasons.length === 1 && first.code === null) return html`<span class="reason">${first.sentence}</span>`;
  return html`<ul class="reasons">${reasons.map(({ code, sentence }) => html`<li>${code === null ? nothing : html`<code>${code}</code> `}${sentence}</li>`)}</ul>`;
}

function nameWithUnit(name: string, unit: string): string {
  return unit === "" ? name : `${name} (${unitSign(unit)})`;
}
