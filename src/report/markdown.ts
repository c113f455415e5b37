/**
 * Writes a study and its exhibits as GitHub markdown.
 *
 * Labels, names of models and reasons come from others: they are escaped and never markup. Figures are links to their
 * own
 * files.
 */
import { comparedSpaces } from "./comparison.ts";
import { type Exhibit, type Figure, notesOf, readingTitle, type Table } from "./exhibit.ts";
import { undecidedSentences } from "./noise.ts";
import { tablesOf } from "./tables.ts";
import { bySpace, type LostRun, runVersions, type Study, versionText } from "./study.ts";
import { oneLine } from "../text/words.ts";

/**
 * The whole report.
 *
 * @param pathOf where a figure's file is, as seen from the markdown's
 */
export function studyMarkdown(
  study: Study,
  exhibits: readonly (Table | Figure)[] = tablesOf(study),
  pathOf: (figure: Figure) => string = ({ id }) => `${id}.svg`,
): string {
  const withVersions = runVersions(study).map((versions) => `, with ${versions}`);
  const counted = study.cohorts.reduce((sum, { runs }) => sum + runs.length, 0);
  const lost = bySpace(study.cohorts).flatMap(({ id, cohorts }) =>
    cohorts.flatMap((cohort) => cohort.lost.map((run) => ({ ...run, what: `${cohort.label} on ${id}` }))),
  );
  return `${[
    `# ${escaped(study.title)}`,
    `${counted} runs counted, ${lost.length} lost, ${study.unreadable.length} unreadable${escaped(withVersions.join("; others"))}.`,
    ...(study.benches.length === 0
      ? []
      : ["Runs by:", study.benches.map((command) => `    ${oneLine(command)}`).join("\n")]),
    `This page, at ${escaped(study.madeAt)} with ${escaped(versionText(study.versions))}, by:`,
    `    ${oneLine(study.command)}`,
    ...bySpace(study.cohorts).flatMap(({ id, cohorts }) => {
      const provenance = cohorts.find(({ space }) => space !== null)?.space?.provenance ?? "";
      return provenance === "" ? [] : [`Numbers of ${escaped(id)} from: ${escaped(provenance)}.`];
    }),
    ...comparedSpaces(study).flatMap(undecidedSentences).map(escaped),
    ...(lost.length + study.unreadable.length === 0
      ? []
      : [
          "## Runs that are not counted",
          [
            ...lost.map(({ what, ...run }) => lostLine(run, what)),
            ...study.unreadable.map((run) => lostLine(run, "unreadable")),
          ].join("\n"),
        ]),
    ...exhibits.flatMap((exhibit) => [
      `## ${escaped(exhibit.title)}`,
      "svg" in exhibit
        ? `![${escaped(exhibit.title)}](${encodeURI(pathOf(exhibit))})`
        : tableMarkdown(exhibit),
      escaped(exhibit.caption),
    ]),
    ...readingLines(exhibits),
  ].join("\n\n")}\n`;
}

/** What the words of the tables and figures mean. */
function readingLines(exhibits: readonly Exhibit[]): string[] {
  const notes = notesOf(exhibits);
  if (notes.length === 0) return [];
  return [
    `## ${readingTitle}`,
    notes.map(({ term, words }) => `- **${escaped(term)}**: ${escaped(words)}`).join("\n"),
  ];
}

/** One table, its columns aligned in the source too. */
export function tableMarkdown({ columns, rows }: Table): string {
  const cells = [columns.map(({ name }) => name), ...rows].map((row) => row.map(escaped));
  const widths = columns.map((_, at) => Math.max(4, ...cells.map((row) => (row[at] ?? "").length)));
  const line = (row: readonly string[]) => `| ${row.join(" | ")} |`;
  const [head, ...body] = cells.map((row) =>
    line(
      row.map((cell, at) => {
        const blanks = " ".repeat((widths[at] ?? 0) - cell.length);
        return columns[at]?.align === "right" ? `${blanks}${cell}` : `${cell}${blanks}`;
      }),
    ),
  );
  const rule = line(
    columns.map(({ align }, at) => {
      const width = widths[at] ?? 0;
      return align === "right" ? `${"-".repeat(width - 1)}:` : "-".repeat(width);
    }),
  );
  return [head, rule, ...body].join("\n");
}

// --- internal ---

function lostLine({ folder, reason }: LostRun, what: string): string {
  return `- ${escaped(what)}: ${escaped(folder)}: ${escaped(reason)}`;
}

/** A text that is shown as it is anywhere: it begins no markup and ends no cell and no line. */
function escaped(text: string): string {
  return oneLine(text)
    .replace(/[\\`*~<>[\]#&|]/g, "\\$&")
    .replace(/(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])/g, "\\_");
}
