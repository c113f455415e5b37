/**
 * Compares several runs: fetches their records and shows the sections of the report on them.
 *
 * It says which runs have not ended. The report decides what can be compared.
 */
import { html, nothing, type TemplateResult } from "lit-html";
import { UsageError } from "../../errors.ts";
import { notesOf, readingTitle } from "../../report/exhibit.ts";
import type { Section } from "../../report/sections.ts";
import type { ReportedRun } from "../../report/study.ts";
import type { Condition } from "../../runs/shown-runs.ts";
import { exhibitView, notesView } from "./exhibits.ts";
import { emptyState, stateBadge } from "./parts.ts";
import { hrefOf } from "./router.ts";
import { openRun, type RunStream } from "./run-stream.ts";
import type { LinkOf } from "./figure-makers.ts";
import type { View } from "./view.ts";

/** How many records are fetched at once: a browser has few connections to one server. */
const mostAtOnce = 3;

/** Opens the comparison of some runs; `update` asks for the page to be drawn again. */
export function openComparison(ids: readonly string[], update: () => void): View {
  return new Comparison(ids, update);
}

// --- internal ---

type Loaded =
  | { readonly kind: "run"; readonly run: ReportedRun; readonly condition: Condition }
  | { readonly kind: "failure"; readonly reason: string };

class Comparison implements View {
  readonly title = "Runs compared";
  readonly #ids: readonly string[];
  readonly #update: () => void;
  readonly #streams = new Set<RunStream>();
  readonly #loaded = new Map<string, Loaded>();
  #sections: readonly Section[] | null = null;
  #refusal: string | null = null;
  #isClosed = false;

  constructor(ids: readonly string[], update: () => void) {
    this.#ids = ids;
    this.#update = update;
    void this.#load();
  }

  leave(): void {
    this.#isClosed = true;
    for (const stream of this.#streams) stream.close();
    this.#streams.clear();
  }

  async #load(): Promise<void> {
    const waiting = [...this.#ids];
    const fetchNext = async (): Promise<void> => {
      for (let id = waiting.shift(); id !== undefined && !this.#isClosed; id = waiting.shift()) {
        this.#loaded.set(id, await this.#fetch(id));
        this.#update();
      }
    };
    await Promise.all(Array.from({ length: mostAtOnce }, fetchNext));
    if (!this.#isClosed) await this.#compare();
  }

  async #fetch(id: string): Promise<Loaded> {
    return await new Promise((resolve) => {
      const settle = (loaded: Loaded) => {
        this.#streams.delete(stream);
        stream.close();
        resolve(loaded);
      };
      const stream = openRun(id, () => {
        const { state, status, isCaughtUp, trouble } = stream;
        if (trouble !== null) settle({ kind: "failure", reason: trouble });
        else if (status === null) return;
        else if (status.trouble !== null) settle({ kind: "failure", reason: status.trouble });
        else if (status.condition === "damaged")
          settle({ kind: "failure", reason: "Its record is damaged; open it to see where." });
        else if (status.lastSeq === 0) settle({ kind: "failure", reason: "It has not begun yet." });
        else if (state !== null && isCaughtUp)
          settle({ kind: "run", run: { folder: id, state }, condition: status.condition });
      });
      this.#streams.add(stream);
    });
  }

  async #compare(): Promise<void> {
    const runs = this.#runs();
    // Time for the page to say so: the rest is one piece of work.
    await paused();
    const [{ sectionsOf }, { studyOf }] = await Promise.all([
      import("../../report/sections.ts"),
      import("./studies.ts"),
    ]);
    try {
      this.#sections = runs.length === 0 ? [] : sectionsOf(studyOf(runs), linkOf);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      this.#refusal = error.message;
    }
    this.#update();
  }

  #runs(): ReportedRun[] {
    return this.#ids.flatMap((id) => {
      const loaded = this.#loaded.get(id);
      return loaded?.kind === "run" ? [loaded.run] : [];
    });
  }

  render(): TemplateResult {
    return html`
      <h1 tabindex="-1">Runs compared</h1>
      ${
        this.#ids.length < 2
          ? emptyState(
              "A comparison needs two runs or more.",
              html`Tick them in <a href=${hrefOf({ page: "list" })}>the list of runs</a>.`,
            )
          : html`${this.#members()} ${this.#unfinished()} ${this.#body()}`
      }
    `;
  }

  #members(): TemplateResult {
    return html`<ul class="members" aria-label="Runs in this comparison">
      ${this.#ids.map((id) => {
        const loaded = this.#loaded.get(id);
        const others = this.#ids.filter((other) => other !== id);
        return html`<li>
          <a href=${hrefOf({ page: "run", id, place: null })}>${id}</a>
          ${
            loaded === undefined
              ? html`<span class="faint">is being read…</span>`
              : loaded.kind === "failure"
                ? html`<span class="trouble">left out: ${loaded.reason}</span>`
                : stateBadge(loaded.condition)
          }
          ${
            this.#ids.length > 2
              ? html`<a class="remove" href=${hrefOf({ page: "compare", ids: others })}
                >leave out<span class="unseen"> ${id}</span></a
              >`
              : nothing
          }
        </li>`;
      })}
    </ul>`;
  }

  #unfinished(): TemplateResult | typeof nothing {
    const unfinished = this.#runs().filter(({ state }) => state.ended === null);
    if (this.#sections === null || unfinished.length === 0) return nothing;
    return html`<p class="note">
      ${unfinished.length === 1 ? "One run has" : `${unfinished.length} runs have`} not finished and
      ${unfinished.length === 1 ? "is" : "are"} counted as far as
      ${unfinished.length === 1 ? "it" : "they"} got, under a name of
      ${unfinished.length === 1 ? "its" : "their"} own that says “unfinished”.
      <button type="button" @click=${() => this.#again()}>Read again</button>
    </p>`;
  }

  #again(): void {
    this.#loaded.clear();
    this.#sections = null;
    this.#refusal = null;
    void this.#load();
    this.#update();
  }

  #body(): TemplateResult {
    if (this.#refusal !== null)
      return html`<div class="empty" role="alert">
        <p><strong>These runs cannot be compared.</strong></p>
        <p>${this.#refusal}.</p>
        <p>Leave out a run above, or choose others in <a href=${hrefOf({ page: "list" })}>the list of runs</a>.</p>
      </div>`;
    if (this.#sections === null)
      return html`<p class="waiting">
        <progress max=${this.#ids.length} .value=${this.#loaded.size} aria-label="Runs read"></progress>
        ${this.#loaded.size === this.#ids.length ? "Comparing…" : "Reading the runs…"}
      </p>`;
    if (this.#sections.length === 0)
      return emptyState("None of these runs can be read.", "What is wrong with each is said above.");
    let [tables, figures] = [0, 0];
    const notes = notesOf(this.#sections.flatMap(({ exhibits }) => exhibits));
    return html`${this.#sections.map(
      ({ space, abstract, exhibits }) =>
        html`<section class="comparison" aria-labelledby="space-${space.slug}">
          <h2 id="space-${space.slug}">${space.id}</h2>
          <p>${abstract}</p>
          ${exhibits.map((exhibit) =>
            exhibitView(exhibit, {
              number: "svg" in exhibit ? `Figure ${++figures}` : `Table ${++tables}`,
            }),
          )}
        </section>`,
    )}
    <section aria-labelledby="reading">
      <h2 id="reading">${readingTitle}</h2>
      ${notesView(notes)}
    </section>`;
  }
}

async function paused(): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, 50);
  });
}

const linkOf: LinkOf = ({ folder }, { round, index }) =>
  hrefOf({ page: "run", id: folder, place: { round, candidate: index + 1 } });
