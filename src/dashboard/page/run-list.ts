/**
 * The list of all runs: sorted, filtered, and chosen from for a comparison. A bench is one row, which opens to its
 * runs.
 *
 * What a reader sets here is kept as long as the page is open. run-table.ts and bench-lines.ts decide which rows are
 * shown.
 */
import { program } from "./program.ts";
import { html, nothing, type TemplateResult } from "lit-html";
import { guard } from "lit-html/directives/guard.js";
import { live } from "lit-html/directives/live.js";
import { repeat } from "lit-html/directives/repeat.js";
import { amount } from "../../text/numbers.ts";
import { shellWord } from "../../text/shell.ts";
import type { BenchRow, Condition, RunRow } from "../../runs/shown-runs.ts";
import { type Line, nameWithin, shownLines } from "./bench-lines.ts";
import { emptyState, stateBadge } from "./parts.ts";
import { hrefOf } from "./router.ts";
import { blindMark, marksOf, sharedCells } from "./run-cells.ts";
import { type KnownRuns, nothingKnown, openRuns, type RunsStream } from "./runs-stream.ts";
import {
  columns,
  type ColumnKey,
  type Filter,
  firstOrder,
  isFiltered,
  type Order,
  orderAfter,
} from "./run-table.ts";
import type { View } from "./view.ts";

/** How many runs can be compared at once. */
const mostCompared = 12;

/** The list, to be shown and left any number of times. */
export class RunList {
  readonly #update: () => void;
  readonly #chosen = new Set<string>();
  #stream: RunsStream | null = null;
  #known: KnownRuns = nothingKnown;
  /** Benches that a reader opened, or closed while a filter had opened them. */
  readonly #turned = new Set<string>();
  #filter: Filter = { words: "", condition: null };
  #order: Order = firstOrder;

  /** @param update asks for the page to be drawn again */
  constructor(update: () => void) {
    this.#update = update;
  }

  /** Shows the list from now on. */
  show(): View {
    this.#stream = openRuns(this.#update, this.#known);
    return {
      title: "Runs",
      render: () => this.#render(),
      leave: () => {
        this.#stream?.close();
        this.#known = this.#stream ?? this.#known;
        this.#stream = null;
      },
    };
  }

  #render(): TemplateResult {
    const { rows, folder, benches } = this.#stream ?? this.#known;
    const unread = this.#stream?.unread ?? null;
    const connection = this.#stream?.connection ?? "connecting";
    const lines = shownLines(rows.values(), benches, this.#filter, this.#order);
    const shown = lines.reduce((sum, line) => sum + (line.kind === "run" ? 1 : line.runs.length), 0);
    return html`
      <h1 tabindex="-1">Runs${folder === null ? nothing : html` of <code>${folder}</code>`}</h1>
      ${connection === "lost" ? lostView() : nothing}
      ${
        rows.size === 0 && lines.length === 0
          ? this.#withoutRuns(folder, unread)
          : html`${this.#tools(shown, rows.size, unread)}
            ${lines.length === 0 ? this.#withoutMatch() : this.#table(lines)}`
      }
    `;
  }

  #withoutRuns(folder: string | null, unread: number | null): TemplateResult {
    if (unread === null) return html`<p class="waiting">Asking for the runs…</p>`;
    if (unread > 0) return progressView(0, unread);
    return emptyState(
      "There is no run here yet.",
      "Start one in a terminal, and it appears here while it works:",
      html`<code>${program()} run --space analognas-baseline --out ${folder ?? "runs"}/first</code>`,
      html`Runs are found up to three folders down, and all those of a bench that is. Another folder is shown by
        <code>${program()} dashboard FOLDER</code>.`,
    );
  }

  #withoutMatch(): TemplateResult {
    return html`<div class="empty">
      <p><strong>No run matches.</strong></p>
      <p>
        <button type="button" @click=${() => this.#set({ filter: { words: "", condition: null } })}>
          Show all runs
        </button>
      </p>
    </div>`;
  }

  #set({ filter, order }: { readonly filter?: Filter; readonly order?: Order }): void {
    if (filter !== undefined && isFiltered(filter) !== isFiltered(this.#filter)) this.#turned.clear();
    this.#filter = filter ?? this.#filter;
    this.#order = order ?? this.#order;
    this.#update();
  }

  #tools(shown: number, all: number, unread: number | null): TemplateResult {
    const filter = this.#filter;
    return html`<div class="tools" role="search" aria-label="Runs">
      <span class="field"
        ><label for="filter-words">Filter runs</label>
        <input
          id="filter-words"
          type="search"
          .value=${live(filter.words)}
          autocomplete="off"
          spellcheck="false"
          @input=${({ target }: Event) =>
            this.#set({ filter: { ...filter, words: (target as HTMLInputElement).value } })}
      /></span>
      <span class="field"
        ><label for="filter-state">State</label>
        <select
          id="filter-state"
          .value=${live(filter.condition ?? "")}
          @change=${({ target }: Event) => {
            const value = (target as HTMLSelectElement).value;
            this.#set({ filter: { ...filter, condition: value === "" ? null : (value as Condition) } });
          }}
        >
          <option value="">any</option>
          ${conditions.map((condition) => html`<option value=${condition}>${condition}</option>`)}
        </select></span
      >
      <span class="count" role="status"
        >${shown === all ? countOf(all) : `${amount(shown)} of ${countOf(all)}`}</span
      >
      ${unread === null || unread === 0 ? nothing : progressView(all, unread)} ${this.#comparison()}
    </div>`;
  }

  #comparison(): TemplateResult {
    const ids = [...this.#chosen];
    const count = ids.length;
    const clear =
      count === 0
        ? nothing
        : html`<button
            type="button"
            @click=${() => {
              this.#chosen.clear();
              this.#update();
            }}
          >
            Clear choice
          </button>`;
    if (count >= 2 && count <= mostCompared)
      return html`<span class="choice"
        ><a class="button" href=${hrefOf({ page: "compare", ids })}>Compare ${count} runs</a>${clear}</span
      >`;
    return html`<span class="choice"
      ><span class="hint"
        >${
          count > mostCompared
            ? `${count} chosen; at most ${mostCompared} runs are compared at once`
            : `Tick ${count === 1 ? "one more run" : "two runs or more"} to compare`
        }</span
      >${clear}</span
    >`;
  }

  #table(lines: readonly Line[]): TemplateResult {
    // Explicit roles: on a narrow screen the style shows rows as cards, and a table would lose its meaning with its looks.
    return html`<div class="box runs-box">
      <table class="runs" role="table">
        <caption class="unseen">
          All runs; each column head sorts by its column
        </caption>
        <thead role="rowgroup">
          <tr role="row">
            <th scope="col" role="columnheader" class="choose"><span class="unseen">Compare</span></th>
            ${columns.map(({ key, name, isNumeric }) => this.#head(key, name, isNumeric))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          ${repeat(
            lines.flatMap((line) => this.#rowsOf(line)),
            ({ key }) => key,
            ({ view }) => view,
          )}
        </tbody>
      </table>
    </div>`;
  }

  /** The rows of a line: a run's own, or a bench's with those of its runs where it is open. */
  #rowsOf(line: Line): { readonly key: string; readonly view: unknown }[] {
    if (line.kind === "run") return [this.#runRow(line.row, line.row.id, false)];
    const { bench, runs } = line;
    const isOpen = this.#isOpen(bench);
    return [
      { key: `bench ${bench.id}`, view: this.#benchRow(line, isOpen) },
      ...(isOpen ? runs.map((row) => this.#runRow(row, nameWithin(bench, row.id), true)) : []),
    ];
  }

  #runRow(row: RunRow, name: string, isWithin: boolean): { readonly key: string; readonly view: unknown } {
    const isChosen = this.#chosen.has(row.id);
    const view = guard([row, name, isWithin, isChosen], () => this.#row(row, name, isWithin, isChosen));
    return { key: `run ${row.id}`, view };
  }

  /** A bench's folder as a command takes it. */
  #folderOf({ id }: BenchRow): string {
    const { folder } = this.#stream ?? this.#known;
    const shown = folder ?? "";
    return shellWord(id === "." ? shown : `${shown.replace(/\/$/, "")}/${id}`);
  }

  /** Benches are open while a filter is set; so is a bench that is the whole folder. */
  #isOpen({ id }: BenchRow): boolean {
    return (isFiltered(this.#filter) || id === ".") !== this.#turned.has(id);
  }

  #head(key: ColumnKey, name: string, isNumeric: boolean): TemplateResult {
    const { by, isAscending } = this.#order;
    const direction = by !== key ? "none" : isAscending ? "ascending" : "descending";
    return html`<th
      scope="col"
      role="columnheader"
      class=${isNumeric ? "right" : "left"}
      aria-sort=${direction}
    >
      <button type="button" @click=${() => this.#set({ order: orderAfter(this.#order, key) })}>
        ${name}<span class="arrow" aria-hidden="true">${by !== key ? "" : isAscending ? "▲" : "▼"}</span>
      </button>
    </th>`;
  }

  #benchRow(line: Line & { readonly kind: "bench" }, isOpen: boolean): TemplateResult {
    const { bench, row } = line;
    const turn = () => {
      if (!this.#turned.delete(bench.id)) this.#turned.add(bench.id);
      this.#update();
    };
    return html`<tr role="row" class="bench">
      <td role="cell" class="choose"></td>
      <td role="cell" data-label="State">${
        row.condition === "stopped" && (this.#stream?.unread ?? 1) > 0
          ? html`<span class="faint">being read</span>`
          : stateBadge(row.condition)
      }</td>
      <th role="rowheader" scope="row" data-label="Bench">
        <button type="button" class="opener" aria-expanded=${isOpen} @click=${turn}
          ><span class="sign" aria-hidden="true">${isOpen ? "▾" : "▸"}</span>${bench.id === "." ? "this bench" : bench.id}</button>
        ${row.isBlind ? blindMark : nothing}
        <span class="about">${[bench.title, ...benchCounts(line)].filter((part) => part !== "").join(" · ")}</span>
        ${isOpen ? html`<span class="about">Its tables and figures: <code>${program()} report ${this.#folderOf(bench)} --out report.html</code></span>` : nothing}
        ${bench.trouble === null ? nothing : html`<span class="trouble">${bench.trouble}</span>`}
      </th>
      ${sharedCells(row)}
    </tr>`;
  }

  #row(row: RunRow, name: string, isWithin: boolean, isChosen: boolean): TemplateResult {
    const isDamaged = row.condition === "damaged";
    return html`<tr role="row" class=${isWithin ? "within" : nothing}>
      <td role="cell" class="choose">
        <label
          ><input
            type="checkbox"
            aria-label="Compare ${row.id}"
            .checked=${live(isChosen)}
            ?disabled=${isDamaged}
            @change=${() => {
              if (!this.#chosen.delete(row.id)) this.#chosen.add(row.id);
              this.#update();
            }}
        /></label>
      </td>
      <td role="cell" data-label="State">${stateBadge(row.condition)}</td>
      <th role="rowheader" scope="row" data-label="Run">
        <a href=${hrefOf({ page: "run", id: row.id, place: null })}>${name}</a> ${marksOf(row)}
        ${row.trouble === null ? nothing : html`<span class="trouble">${row.trouble}</span>`}
      </th>
      ${sharedCells(row)}
    </tr>`;
  }
}

// --- internal ---

const conditions: readonly Condition[] = ["running", "paused", "stopped", "finished", "damaged"];

function lostView(): TemplateResult {
  return html`<p class="alert" role="alert">
  The connection to the server is lost; what is shown may be out of date. This page tries again. If the command
  <code>${program()} dashboard</code> has ended, start it again.
</p>`;
}

/** How far a bench has come, and how many of its runs the filter leaves where it leaves some out. */
function benchCounts({ bench, begun, finished, runs }: Line & { readonly kind: "bench" }): string[] {
  const all = Math.max(bench.planned, begun);
  return [
    `${amount(finished)} of ${countOf(all)} finished`,
    ...(bench.failed > 0 ? [`${amount(bench.failed)} failed`] : []),
    ...(runs.length < begun ? [`${amount(runs.length)} shown`] : []),
  ];
}

function countOf(all: number): string {
  return `${amount(all)} ${all === 1 ? "run" : "runs"}`;
}

function progressView(read: number, unread: number): TemplateResult {
  return html`<span class="reading"
    ><progress max=${read + unread} .value=${read} aria-label="Runs read"></progress> ${amount(unread)} still to
    be read</span
  >`;
}
