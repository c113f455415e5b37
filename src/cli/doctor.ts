/** `doctor`: whether a run would work, as a page of findings. What is looked at is app/doctor.ts. */
import * as app from "../app/doctor.ts";
import type { Flags } from "../settings/flags.ts";
import type { Output } from "./output.ts";
import { paint } from "./style.ts";
import { plain } from "../text/plain.ts";
import { dollars } from "../text/numbers.ts";
import { table } from "./table.ts";
import { wrapped } from "../text/wrapped.ts";

export async function doctor(
  file: string | undefined,
  flags: Flags,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  // What is done right now, for a person who waits at a terminal.
  const say = (line: string) => {
    if (output.stderr.isTTY === true) output.say(paint("dim", line));
  };
  const diagnosis = await app.doctor(file, flags, { signal, say });
  const { ok, findings, spent, exitCode } = diagnosis;
  output.exitCode = exitCode;
  output.result({ ok, findings, spent }, reportLines(diagnosis, output.columns));
}

// --- internal ---

/** The width of the page where no terminal says one. */
const usualColumns = 120;

function reportLines({ findings, spent, ok }: app.Diagnosis, columns: number | null): string[] {
  const marks = { ok: "ok", warning: "note", problem: "PROBLEM", skipped: "–" } as const;
  const colours = { ok: "green", warning: "yellow", problem: "red", skipped: "dim" } as const;
  const rows = findings.flatMap(({ check, status, what, next }) => [
    [paint(colours[status], marks[status]), check, plain(what)],
    ...(next === undefined ? [] : [["", "", plain(`→ ${next}`)]]),
  ]);
  const money = spent.usd === null ? "" : `, ${dollars(spent.usd)}`;
  return [
    ...table(rows, [], columns ?? usualColumns),
    "",
    ...(spent.calls === 0
      ? []
      : [
          wrapped(
            `This took ${spent.calls} ${spent.calls === 1 ? "call" : "calls"}: ${spent.inputTokens} + ${spent.outputTokens} tokens in ${spent.seconds.toFixed(1)} s${money}.`,
            columns,
          ),
        ]),
    ok ? "A run would work." : "A run would not work: see the first problem.",
  ];
}
