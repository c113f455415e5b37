/**
 * Writes a report as one web page that loads nothing.
 *
 * The page may show itself and offer its data, nothing else. All text is escaped where it is put in, because labels,
 * strategies and reasons come from others.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { html as template, raw } from "hono/html";
import { cellKind, type Figure, notesOf, readingTitle, standalone, type Table } from "./exhibit.ts";
import type { Section } from "./sections.ts";
import type { FoundArchitecture } from "./winners.ts";
import { csvOf } from "./csv.ts";
import { pageStyle } from "./page-style.ts";
import { type LostRun, runVersions, type Study, versionText } from "./study.ts";

/** Text that is markup already; anything else is escaped where it is put into markup. */
type Markup = ReturnType<typeof raw>;

/** Is in the head of every report: a file with it may be overwritten by the next one. */
export const generatorMark = '<meta name="generator" content="collm-nas report">';

/** The whole page. */
export function page(study: Study, sections: readonly Section[]): string {
  const counter = { table: 0, figure: 0 };
  const body = sections.map((section) => sectionMarkup(section, counter));
  return `${html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
${raw(generatorMark)}
<title>${study.title}</title>
<link rel="icon" href="data:,">
<style>${raw(pageStyle)}</style>
</head>
<body>
<header>
<h1>${study.title}</h1>
<p>${sections.map(({ abstract }) => abstract).join(" ")}</p>
${facts(study)}
${contents(sections, lostOf(study).length)}
</header>
<main>
${body}
${readingMarkup(sections)}
${lostMarkup(study)}
</main>
</body>
</html>
`}`;
}

// --- internal ---

/** Nothing that is put in here is a promise. */
function html(strings: TemplateStringsArray, ...values: unknown[]): Markup {
  return template(strings, ...values) as Markup;
}

const policy = [
  "default-src 'none'",
  `style-src 'sha256-${base64(sha256(new TextEncoder().encode(pageStyle)))}'`,
  "img-src data:",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

function facts(study: Study): Markup {
  const counted = study.cohorts.reduce((sum, { runs }) => sum + runs.length, 0);
  const lost = lostOf(study).length;
  const withVersions = runVersions(study).map((versions) => `, with ${versions}`);
  return html`<dl>
<dt>Runs</dt><dd>${counted} counted${lost === 0 ? "" : html`, <a href="#lost">${lost} left out</a>`}${withVersions.join("; others")}</dd>
${study.benches.length === 0 ? "" : html`<dt>Runs by</dt><dd><pre>${study.benches.join("\n")}</pre></dd>`}
<dt>Page</dt><dd><time datetime="${study.madeAt}">${study.madeAt.slice(0, 16).replace("T", " ")} UTC</time>, with ${versionText(study.versions)}</dd>
<dt>Page by</dt><dd><pre>${study.command}</pre></dd>
</dl>`;
}

function contents(sections: readonly Section[], lost: number): Markup | "" {
  return html`<nav aria-label="Contents"><ul>
${sections.map(({ space }) => html`<li><a href="#${anchor(space.slug)}">${space.id}</a></li>`)}
<li><a href="#reading">${readingTitle}</a></li>
${lost === 0 ? "" : html`<li><a href="#lost">Runs that are not counted</a></li>`}
</ul></nav>`;
}

function anchor(slug: string): string {
  return `space-${slug}`;
}

function sectionMarkup(
  { space, exhibits, found }: Section,
  counter: { table: number; figure: number },
): Markup {
  return html`<section aria-labelledby="${anchor(space.slug)}">
<h2 id="${anchor(space.slug)}">${space.id}</h2>
${space.space === null ? "" : html`<p>${space.space.summary}</p>${space.space.provenance === "" ? "" : html`<p class="source">Numbers from: ${space.space.provenance}.</p>`}`}
${exhibits.map((exhibit) => ("svg" in exhibit ? figureMarkup(exhibit, ++counter.figure) : tableMarkup(exhibit, ++counter.table)))}
${found.length === 0 ? "" : foundMarkup(found, space.decimals)}
</section>`;
}

function figureMarkup(figure: Figure, number: number): Markup {
  return html`<figure class="drawing" id="${figure.id}">
<div class="${figure.narrow === undefined ? "box" : "box broad"}" tabindex="0" role="group" aria-label="Figure ${number}, scrolls sideways where it is wider than the screen">${raw(figure.svg)}</div>
${figure.narrow === undefined ? "" : html`<div class="narrow">${raw(figure.narrow)}</div>\n`}${caption(figure, `Figure ${number}`)}
</figure>`;
}

function tableMarkup(table: Table, number: number): Markup {
  const [head] = table.columns;
  return html`<figure class="table" id="${table.id}">
${caption(table, `Table ${number}`)}
<div class="box" tabindex="0" role="group" aria-label="Table ${number}, scrolls sideways where it is wider than the screen"><table>
<thead><tr>${table.columns.map(({ name, align }) => html`<th scope="col" class="${align}">${name}</th>`)}</tr></thead>
<tbody>
${table.rows.map((row) => html`<tr>${row.map((cell, at) => cellMarkup(cell, table.columns[at]?.align ?? "left", at === 0 && head?.align === "left"))}</tr>\n`)}
</tbody>
</table></div>
</figure>`;
}

function cellMarkup(cell: string, align: "left" | "right", isHead: boolean): Markup {
  const kind = cellKind(cell, align);
  return isHead ? html`<th scope="row" class="${kind}">${cell}</th>` : html`<td class="${kind}">${cell}</td>`;
}

function caption(exhibit: Table | Figure, number: string): Markup {
  const rows = exhibit.data.length;
  const link =
    rows === 0
      ? ""
      : html` <a class="download" download="${exhibit.id}.csv" href="data:text/csv;charset=utf-8;base64,${base64(new TextEncoder().encode(csvOf(exhibit.data)))}">Data (CSV, ${rows} ${rows === 1 ? "row" : "rows"})</a>`;
  const drawing =
    "svg" in exhibit
      ? html` <a class="download" download="${exhibit.id}.svg" href="data:image/svg+xml;charset=utf-8;base64,${base64(new TextEncoder().encode(standalone(exhibit.svg)))}">Save as SVG</a>`
      : "";
  return html`<figcaption><span class="number">${number}.</span> <span class="title">${exhibit.title}.</span> <span class="caption">${exhibit.caption}</span>${link}${drawing}</figcaption>`;
}

function foundMarkup(found: readonly FoundArchitecture[], decimals: number): Markup {
  return html`<h3>To evaluate what was found again</h3>
${found.map(
  ({
    finders,
    text,
    isBlind,
    search,
    test,
    command,
  }) => html`<p>${finders.map(({ label, seed }) => `${label} (seed ${seed})`).join(", ")}: ${search.toFixed(decimals)}${test === null ? "" : `, test ${test.toFixed(decimals)}`}${isBlind ? ", in the neutral names that the search saw, which this version cannot translate" : ""}.</p>
<pre>${command ?? text}</pre>`,
)}`;
}

/** What the words of the exhibits mean, said once. */
function readingMarkup(sections: readonly Section[]): Markup | "" {
  const notes = notesOf(sections.flatMap(({ exhibits }) => exhibits));
  if (notes.length === 0) return "";
  return html`<section aria-labelledby="reading">
<h2 id="reading">${readingTitle}</h2>
<dl class="notes">
${notes.map(({ term, words }) => html`<dt>${term}</dt><dd>${words}</dd>\n`)}
</dl>
</section>`;
}

interface NamedLoss extends LostRun {
  readonly what: string;
}

function lostOf({ cohorts, unreadable }: Study): NamedLoss[] {
  return [
    ...cohorts.flatMap(({ label, spaceId, lost }) =>
      lost.map((run) => ({ ...run, what: `${label} on ${spaceId}` })),
    ),
    ...unreadable.map((run) => ({ ...run, what: "not readable" })),
  ];
}

function lostMarkup(study: Study): Markup | "" {
  const lost = lostOf(study);
  if (lost.length === 0) return "";
  return html`<section aria-labelledby="lost">
<h2 id="lost">Runs that are not counted</h2>
<ul class="lost">
${lost.map(({ folder, reason, what }) => html`<li>${what}, <code>${folder}</code>: ${reason}</li>`)}
</ul>
</section>`;
}
