/**
 * Puts runs together as a page, as markdown, or as the data of both.
 *
 * It decides what may be overwritten: an earlier report, and nothing else.
 */
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { openRegular } from "../system/regular-file.ts";
import { codeOf, unusable } from "../system/system-error.ts";
import { makeFolder, writeWhole } from "../system/whole-file.ts";
import { UsageError } from "../errors.ts";
import { csvOf } from "../report/csv.ts";
import {
  type DataRow,
  type Exhibit,
  type Figure,
  standalone,
  type Table,
  wordsOf,
} from "../report/exhibit.ts";
import { sectionsOf } from "../report/sections.ts";
import { studyMarkdown } from "../report/markdown.ts";
import { generatorMark, page } from "../report/page.ts";
import type { Study } from "../report/study.ts";
import { program } from "./compose.ts";
import { readStudy } from "./read-study.ts";
import { shellWord } from "../text/shell.ts";

/** The files that a report is written to. Where none is named, it is a page in `report.html`. */
export interface ReportFiles {
  /** The page. */
  readonly out?: string | undefined;
  readonly markdown?: string | undefined;
  /** The folder for the data of every table and figure. */
  readonly csv?: string | undefined;
}

/** What a report was made of, and where it is. */
export interface Reported {
  readonly files: ReportFiles;
  readonly runs: number;
  /** Runs that could not be read, or that a bench has not made, and why. */
  readonly lost: readonly { readonly folder: string; readonly reason: string }[];
  readonly exhibits: readonly { readonly id: string; readonly title: string }[];
  /** What was written, a phrase a file. */
  readonly written: readonly string[];
}

/**
 * Makes a report of everything that some paths hold.
 *
 * @param paths folders of runs, of benches, or full of either
 * @throws UsageError when a file to be written is something else than an earlier report, or a path holds no run
 */
export async function report(paths: readonly string[], files: ReportFiles = {}): Promise<Reported> {
  const isNamed = Object.values(files).some((value) => value !== undefined);
  const wanted = isNamed ? files : { out: usualPage };
  if (!isNamed && existsSync(usualPage))
    throw new UsageError(
      `${usualPage} is there already; write over it with --out ${usualPage}, or name another file`,
    );
  const { out, markdown, csv } = wanted;
  if (out !== undefined && markdown !== undefined && resolve(out) === resolve(markdown))
    throw new UsageError(`--out and --markdown both name ${out}; give each a file of its own`);
  // Before minutes of reading: what is in the way is said at once.
  if (out !== undefined) await refuseOther(out, generatorMark);
  if (markdown !== undefined) await refuseOther(markdown, markdownMark);
  if (csv !== undefined) await refuseOtherFolder(csv);
  const study = await readStudy(paths, commandOf(paths, wanted));
  const sections = sectionsOf(study);
  const exhibits = sections.flatMap((section) => section.exhibits);
  const written: string[] = [];
  if (out !== undefined) written.push(await store(out, page(study, sections)));
  if (markdown !== undefined) written.push(await storeMarkdown(markdown, study, exhibits));
  if (csv !== undefined) written.push(await storeAll(csv, exhibits));
  return {
    files: wanted,
    runs: study.cohorts.reduce((sum, cohort) => sum + cohort.runs.length, 0),
    lost: [...study.cohorts.flatMap((cohort) => cohort.lost), ...study.unreadable],
    exhibits: exhibits.map(({ id, title }) => ({ id, title })),
    written,
  };
}

// --- internal ---

/** Where the page goes that nobody named a file for. */
const usualPage = "report.html";
const markdownMark = "<!-- made by collm-nas report -->";
/** What a folder of data holds, and the file that tells one of ours. */
const index = "exhibits.csv";
const indexHead = "file,title,caption";

function commandOf(paths: readonly string[], flags: ReportFiles): string {
  const options = Object.entries(flags).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name} ${shellWord(value as string)}`],
  );
  return [program, "report", ...paths.map(shellWord), ...options].join(" ");
}

/** A file that is there already may only be an earlier report. */
async function refuseOther(path: string, mark: string): Promise<void> {
  const begin = await beginning(path);
  if (begin !== null && begin !== "" && !begin.includes(mark))
    throw new UsageError(
      `${path} is there already and is no report of this program; choose another file, or move it away`,
    );
}

async function refuseOtherFolder(folder: string): Promise<void> {
  const entries = await readdir(folder).catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return [];
    throw unusable(`cannot write into ${folder}`, error);
  });
  if (entries.length === 0) return;
  if (!(await beginning(join(folder, index)))?.startsWith(indexHead))
    throw new UsageError(
      `${folder} holds other files (${entries[0]}); choose another folder, or move them away`,
    );
}

/** The first few kilobytes of a file; null: there is none. */
async function beginning(path: string): Promise<string | null> {
  if (!existsSync(path)) return null;
  try {
    const file = await openRegular(path);
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(4096), 0, 4096, 0);
      return buffer.toString("utf8", 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw unusable(`cannot write ${path}`, error);
  }
}

/** Writes the markdown, and its figures into a folder of its name. */
async function storeMarkdown(
  path: string,
  study: Study,
  exhibits: readonly (Table | Figure)[],
): Promise<string> {
  const folder = path.replace(/(\.md)?$/, "-figures");
  await makeFolder(folder).catch((error: unknown) => {
    throw unusable(`cannot write into ${folder}`, error);
  });
  for (const exhibit of exhibits)
    if ("svg" in exhibit) await store(join(folder, `${exhibit.id}.svg`), standalone(exhibit.svg));
  const pathOf = ({ id }: Figure) => `${basename(folder)}/${id}.svg`;
  const figures = exhibits.filter((exhibit) => "svg" in exhibit).length;
  await store(path, `${markdownMark}\n\n${studyMarkdown(study, exhibits, pathOf)}`);
  return `${path} with ${figures} ${figures === 1 ? "figure" : "figures"} (SVG) in ${folder}`;
}

/** Writes a file whole or not at all; returns its path. */
async function store(path: string, text: string): Promise<string> {
  try {
    await makeFolder(dirname(path));
    await writeWhole(path, text);
  } catch (error) {
    throw unusable(`cannot write ${path}`, error);
  }
  return path;
}

async function storeAll(folder: string, exhibits: readonly Exhibit[]): Promise<string> {
  await makeFolder(folder).catch((error: unknown) => {
    throw unusable(`cannot write into ${folder}`, error);
  });
  const list = exhibits.map(
    (exhibit): DataRow => ({ file: `${exhibit.id}.csv`, title: exhibit.title, caption: wordsOf(exhibit) }),
  );
  for (const { id, data } of exhibits) await store(join(folder, `${id}.csv`), csvOf(data));
  await store(join(folder, index), csvOf(list));
  return folder;
}
