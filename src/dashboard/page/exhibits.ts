/** Shows tables and figures of a report on this page, and offers their data as files. */
import { html, nothing, type TemplateResult } from "lit-html";
import {
  cellKind,
  type Exhibit,
  type Figure,
  type Note,
  standalone,
  type Table,
} from "../../report/exhibit.ts";

export interface ExhibitOptions {
  /** Comes before the title, as in "Figure 2"; absent: the exhibit is not numbered. */
  readonly number?: string;
  /** Whether title and caption are folded away, for a place that already has a heading; absent: they are shown. */
  readonly isFolded?: boolean;
}

/** A table or a figure with its title, its caption and its data. */
export function exhibitView(exhibit: Table | Figure, options: ExhibitOptions = {}): TemplateResult {
  const { isFolded = false, number } = options;
  const label = number ?? exhibit.title;
  const caption = isFolded ? foldedCaption(exhibit) : wholeCaption(exhibit, number);
  if ("svg" in exhibit)
    return html`<figure class="drawing">
      <div class=${exhibit.narrow === undefined ? "box" : "box broad"} tabindex="0" role="group" aria-label="${label}, scrolls sideways where it is wider than its place">${drawingOf(exhibit, exhibit.svg)}</div>
      ${exhibit.narrow === undefined ? nothing : html`<div class="narrow">${drawingOf(exhibit, exhibit.narrow)}</div>`}
      <figcaption>${caption}</figcaption>
    </figure>`;
  return html`<figure class="table">
    <figcaption>${caption}</figcaption>
    <div class="box" tabindex="0" role="group" aria-label="${label}, scrolls sideways where it is wider than its place">${tableView(exhibit)}</div>
  </figure>`;
}

/** What the words of exhibits mean. */
export function notesView(notes: readonly Note[]): TemplateResult | typeof nothing {
  if (notes.length === 0) return nothing;
  return html`<dl class="notes">
    ${notes.map(({ term, words }) => html`<dt>${term}</dt><dd>${words}</dd>`)}
  </dl>`;
}

// --- internal ---

function wholeCaption(exhibit: Table | Figure, number: string | undefined): TemplateResult {
  return html`${number === undefined ? nothing : html`<span class="number">${number}.</span> `}<span class="title"
      >${exhibit.title}.</span
    >
    <span class="caption">${exhibit.caption}</span> ${dataButton(exhibit)} ${drawingButton(exhibit)}`;
}

function foldedCaption(exhibit: Table | Figure): TemplateResult {
  return html`<details class="about">
    <summary>About this figure</summary>
    <p>${exhibit.caption}</p>
    ${notesView(exhibit.notes ?? [])} ${dataButton(exhibit)} ${drawingButton(exhibit)}
  </details>`;
}

function dataButton(exhibit: Exhibit): TemplateResult | typeof nothing {
  const rows = exhibit.data.length;
  if (rows === 0) return nothing;
  return html`<button type="button" class="download" @click=${() => void saveData(exhibit)}>
    Data<span class="unseen"> of “${exhibit.title}”</span> (CSV, ${rows} ${rows === 1 ? "row" : "rows"})
  </button>`;
}

function drawingButton(exhibit: Table | Figure): TemplateResult | typeof nothing {
  if (!("svg" in exhibit)) return nothing;
  const { id, svg, title } = exhibit;
  const save = () => saveFile(`${id}.svg`, "image/svg+xml;charset=utf-8", standalone(svg));
  return html`<button type="button" class="download" @click=${save}>
    Save<span class="unseen"> “${title}”</span> as SVG
  </button>`;
}

/** Hands the data to the browser as a file; they are put together only when they are wanted. */
async function saveData(exhibit: Exhibit): Promise<void> {
  const { csvOf } = await import("../../report/csv.ts");
  saveFile(`${exhibit.id}.csv`, "text/csv;charset=utf-8", csvOf(exhibit.data));
}

function saveFile(name: string, type: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  URL.revokeObjectURL(address);
}

const drawings = new WeakMap<Figure, Map<string, Element>>();

/** The element of a figure: the same one as long as the figure is the same, so that it is not put in again at every change. */
function drawingOf(figure: Figure, svg: string): Element | typeof nothing {
  const own = drawings.get(figure) ?? new Map<string, Element>();
  drawings.set(figure, own);
  const known = own.get(svg);
  if (known !== undefined) return known;
  // Markup of our own figures, with all text escaped; a document made in this way runs nothing.
  const drawing = new DOMParser().parseFromString(svg, "text/html").querySelector("svg");
  if (drawing === null) return nothing;
  // The drawing library names groups that have no role, which is not allowed; the figure has a label.
  for (const group of drawing.querySelectorAll("g[aria-label]")) group.removeAttribute("aria-label");
  own.set(svg, drawing);
  return drawing;
}

function tableView({ columns, rows }: Table): TemplateResult {
  const [head] = columns;
  return html`<table>
    <thead>
      <tr>
        ${columns.map(({ name, align }) => html`<th scope="col" class=${align}>${name}</th>`)}
      </tr>
    </thead>
    <tbody>
      ${rows.map(
        (row) =>
          html`<tr>
            ${row.map((cell, at) => cellView(cell, columns[at]?.align ?? "left", at === 0 && head?.align === "left"))}
          </tr>`,
      )}
    </tbody>
  </table>`;
}

function cellView(cell: string, align: "left" | "right", isHead: boolean): TemplateResult {
  const kind = cellKind(cell, align);
  return isHead ? html`<th scope="row" class=${kind}>${cell}</th>` : html`<td class=${kind}>${cell}</td>`;
}
