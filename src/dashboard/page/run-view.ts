/** The page of one run: its head, the order of its panels, and when they are drawn again. */
import { html, nothing, type TemplateResult } from "lit-html";
import { guard } from "lit-html/directives/guard.js";
import { repeat } from "lit-html/directives/repeat.js";
import { ControlRuns } from "./control-runs.ts";
import type { PanelContext, Panel } from "./panel.ts";
import { figurePanels } from "./panel-figures.ts";
import { logPanel } from "./panel-log.ts";
import { repliesPanel } from "./panel-replies.ts";
import { rowId, roundPanel } from "./panel-round.ts";
import { spendPanel } from "./panel-spend.ts";
import { statusPanel } from "./panel-status.ts";
import { steeringPanel } from "./panel-steering.ts";
import { strategyPanel } from "./panel-strategy.ts";
import { winnerPanel } from "./panel-winner.ts";
import { ago, emptyState, mark, stateBadge } from "./parts.ts";
import { hrefOf, type Place } from "./router.ts";
import type { RunStream } from "./run-stream.ts";
import { openRuns, type RunsStream } from "./runs-stream.ts";
import { type Snapshot, Snapshots } from "./snapshot.ts";
import { settingsWords } from "./status-words.ts";
import type { View } from "./view.ts";

/** Shows a run whose record comes by a stream, which is closed with the view; `update` asks for the page to be drawn again. */
export function openRunView({
  stream,
  place,
  update,
}: {
  readonly stream: RunStream;
  readonly place: Place | null;
  readonly update: () => void;
}): View {
  return new RunView(stream, place, update);
}

// --- internal ---

class RunView implements View {
  readonly title: string;
  readonly #id: string;
  readonly #update: () => void;
  readonly #stream: RunStream;
  readonly #runs: RunsStream;
  readonly #snapshots: Snapshots;
  readonly #controls: ControlRuns;
  readonly #figures: ReturnType<typeof figurePanels>;
  readonly #replies: ReturnType<typeof repliesPanel>;
  readonly #panels: readonly Panel[];
  #place: Place | null;
  /** Where the reader is to be taken once it is there. */
  #aim: string | null;
  /** Counts what changed beside the record: choices, figures, the connection. */
  #version = 0;
  #connection = "";
  #isOffered = false;
  #timer: ReturnType<typeof setTimeout> | null = null;
  /** Whether all that there was when the page was opened has been read, or cannot be. */
  #isRead = false;

  constructor(stream: RunStream, place: Place | null, update: () => void) {
    const { id } = stream;
    this.title = id;
    this.#id = id;
    this.#place = place;
    this.#aim = aimOf(place);
    this.#update = update;
    this.#stream = stream;
    this.#snapshots = new Snapshots(
      () => this.#stream,
      () => performance.now(),
      (milliseconds) => this.#updateIn(milliseconds),
    );
    const changed = () => {
      this.#version += 1;
      update();
    };
    const context: PanelContext = {
      id,
      changed,
      place: () => this.#place,
      hrefOf: (to) => hrefOf({ page: "run", id, place: to }),
      showReply: (number) => {
        this.#aim = this.#replies.open(number);
        changed();
      },
    };
    this.#controls = new ControlRuns(changed);
    this.#runs = openRuns(() => {
      this.#offerControls();
      update();
    });
    this.#figures = figurePanels(context, this.#controls);
    this.#replies = repliesPanel(context);
    // Panels of one height are beside each other.
    this.#panels = [
      statusPanel(context, () => ({
        connection: this.#stream.connection,
        isCaughtUp: this.#stream.isCaughtUp,
        folder: this.#folder(),
      })),
      this.#figures.curves,
      strategyPanel(context),
      this.#figures.cost,
      winnerPanel(),
      steeringPanel(context),
      roundPanel(context),
      this.#figures.funnel,
      this.#figures.choices,
      spendPanel(),
      this.#figures.map,
      this.#replies,
      logPanel(context),
    ];
  }

  move(place: Place | null): void {
    this.#place = place;
    // By a button one stays where one is.
    this.#aim = place?.candidate === null ? null : aimOf(place);
    this.#version += 1;
  }

  leave(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#stream.close();
    this.#runs.close();
    this.#controls.close();
    this.#figures.leave();
    for (const panel of this.#panels) panel.leave?.();
  }

  render(): TemplateResult {
    const began = performance.now();
    this.#noteConnection();
    const { isCaughtUp, trouble, connection } = this.#stream;
    // Drawn half read, a long record would be drawn twice.
    this.#isRead ||= isCaughtUp || trouble !== null || connection === "lost";
    const snapshot = this.#isRead ? this.#snapshots.current() : null;
    // One template for both, so that the head keeps the focus when the record comes.
    return html`<h1 tabindex="-1">${this.#id}</h1>
      ${snapshot === null ? this.#withoutRecord() : this.#recordView(snapshot, began)}`;
  }

  #recordView(snapshot: Snapshot, began: number): TemplateResult {
    if (this.#stream.isCaughtUp) {
      this.#figures.draw(snapshot);
      if (!this.#isOffered) queueMicrotask(() => this.#offerControls());
    }
    queueMicrotask(() => {
      this.#snapshots.took(performance.now() - began);
      this.#goToAim();
    });
    return html`${guard([snapshot, this.#version], () => headView(snapshot))}
      ${this.#stream.trouble === null ? nothing : html`<p class="trouble" role="alert">${this.#stream.trouble}</p>`}
      <div class="grid run">${repeat(
        this.#panels,
        ({ title }) => title,
        (panel) => this.#panelView(panel, snapshot),
      )}</div>`;
  }

  #panelView(panel: Panel, snapshot: Snapshot): TemplateResult {
    const heading = `panel-${panel.title.toLowerCase().replaceAll(" ", "-")}`;
    return html`<section class=${panel.isWide === true ? "panel wide" : "panel"} aria-labelledby=${heading}>
      <h2 id=${heading}>${panel.heading?.(snapshot) ?? panel.title}</h2>
      ${guard([snapshot, this.#version], () => panel.render(snapshot))}
    </section>`;
  }

  #withoutRecord(): TemplateResult {
    const { trouble, status, connection } = this.#stream;
    const back = html`Go back to <a href=${hrefOf({ page: "list" })}>the list of runs</a>.`;
    if (trouble !== null) return emptyState(trouble, back);
    if (status !== null && status.trouble !== null)
      return emptyState("This run cannot be shown.", status.trouble, back);
    if (status !== null && status.lastSeq === 0)
      return emptyState("The run has not begun yet.", "It appears here with its first line.");
    return connection === "lost"
      ? emptyState(
          "The server cannot be reached.",
          "Is the command that printed the address still running? This page tries again by itself.",
        )
      : html`<p class="waiting">Reading the record…</p>`;
  }

  /** What is not in the record changes without an event. */
  #noteConnection(): void {
    const { connection, isCaughtUp, trouble } = this.#stream;
    const now = JSON.stringify([connection, isCaughtUp, trouble, this.#folder()]);
    if (now === this.#connection) return;
    this.#connection = now;
    this.#version += 1;
  }

  #offerControls(): void {
    const { rows } = this.#runs;
    const own = rows.get(this.#id);
    // The run itself is read first.
    if (own === undefined || !this.#stream.isCaughtUp) return;
    this.#isOffered = true;
    const before = JSON.stringify([this.#controls.possible.map(({ id }) => id), this.#controls.chosen]);
    this.#controls.offer(rows.values(), own);
    const after = JSON.stringify([this.#controls.possible.map(({ id }) => id), this.#controls.chosen]);
    if (before === after) return;
    this.#version += 1;
    this.#update();
  }

  /** The run's folder as a command takes it. */
  #folder(): string | null {
    const { folder } = this.#runs;
    if (folder === null) return null;
    return this.#id === "." ? folder : `${folder.replace(/\/$/, "")}/${this.#id}`;
  }

  #updateIn(milliseconds: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#update();
    }, milliseconds);
  }

  /** Takes the reader to what the address names, once it has been drawn. */
  #goToAim(): void {
    if (this.#aim === null) return;
    const element = document.getElementById(this.#aim);
    if (element === null) return;
    this.#aim = null;
    element.scrollIntoView({ block: "center" });
    element.focus({ preventScroll: true });
  }
}

function aimOf(place: Place | null): string | null {
  if (place === null) return null;
  return place.candidate === null ? "panel-rounds" : rowId(place.round, place.candidate);
}

function headView({ state, status }: Snapshot): TemplateResult {
  const { hints, search } = state;
  return html`<p class="head">${status === null ? nothing : stateBadge(status.condition)}
    ${search.blind === true ? mark("blind", "The search does not see the space's own names.") : nothing}
    ${hints.length > 0 ? mark("hinted", "A person gave the Navigator hints: left out of the averages of benches.") : nothing}
    <span>${settingsWords(state).join(" · ")}</span>
    <span class="faint">began ${ago(state.startedAt)}, last line ${ago(state.lastAt)}</span></p>`;
}
