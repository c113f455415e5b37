/** `report`: runs put together, and what of them was left out. The report itself is app/report.ts. */
import * as app from "../app/report.ts";
import type { Output } from "./output.ts";

/** Makes a report of everything that some paths hold. */
export async function report(
  paths: readonly string[],
  flags: app.ReportFiles,
  output: Output,
): Promise<void> {
  const { files, runs, lost, exhibits, written } = await app.report(paths, flags);
  const { out = null, markdown = null, csv = null } = files;
  output.result({ out, markdown, csv, runs, lost, exhibits }, [
    ...lost.map(({ folder, reason }) => `left out: ${folder}: ${reason}`),
    `${runs} ${runs === 1 ? "run" : "runs"} reported${lost.length === 0 ? "" : `, ${lost.length} left out`}: ${written.join(", ")}`,
  ]);
}
