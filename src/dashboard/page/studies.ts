/**
 * Draws the figures of the report in this browser, from runs as the report sees them.
 *
 * Figures are drawn one after another with pauses for everything else, not too often, of the newest state only, and
 * never for
 * a hidden window. The report decides what is drawn.
 */
import { program } from "./program.ts";
import { UsageError } from "../../errors.ts";
import type { Figure } from "../../report/exhibit.ts";
import { cohortsOf, plainLabel, type ReportedRun, type RunName, type Study } from "../../report/study.ts";
import type { FigureName, LinkOf } from "./figure-makers.ts";
import { yielded } from "./tasks.ts";

/** What is to be drawn. */
interface Wanted {
  readonly runs: readonly ReportedRun[];
  /** Runs to compare with; shown as controls. */
  readonly controls?: readonly ReportedRun[];
  readonly names: readonly FigureName[];
  readonly linkOf?: LinkOf;
  /** What a single run is called in its figures; absent: its searcher and who plays its roles. */
  readonly label?: string;
}

export interface DrawnFigures {
  /** What was drawn last under a name; empty: there is nothing to draw yet; null: not drawn yet. */
  of(name: FigureName): readonly Figure[] | null;
  /** Why the report refuses these runs; null: it does not. */
  readonly refusal: string | null;
  /** Asks for figures of these runs as they are when their turn comes; what was asked for before is dropped. */
  draw(wanted: Wanted): void;
  close(): void;
}

/** The least time from the end of one round of drawing to the next, in milliseconds. */
const restMs = 1_000;
/** A round of drawing is followed by so many times as long without one. */
const restShare = 4;

/**
 * The report's study of some runs, unfinished ones counted as far as they got. Those have a name of their own, so that
 * no mean is taken over finished and unfinished runs.
 *
 * @throws UsageError when the report refuses to put these runs side by side
 */
export function studyOf(
  runs: readonly ReportedRun[],
  controls: readonly ReportedRun[] = [],
  label: string | null = null,
): Study {
  const name = (run: ReportedRun, isControl: boolean): [string, RunName] => [
    run.folder,
    {
      label:
        label !== null && !isControl
          ? label
          : `${plainLabel(run.state)}${run.state.ended === null ? ", unfinished" : ""}`,
      isControl,
    },
  ];
  const named = new Map([
    ...runs.map((run) => name(run, false)),
    ...controls.map((control) => name(control, true)),
  ]);
  return {
    title: "Runs compared",
    cohorts: cohortsOf([...runs, ...controls], named, [], "all"),
    references: [],
    unreadable: [],
    benches: [],
    command: "",
    program: program(),
    madeAt: new Date().toISOString(),
    versions: {},
  };
}

/** Figures that are drawn in the background; `onDrawn` is called after each. */
export function figuresFor(onDrawn: () => void): DrawnFigures {
  return new Drawer(onDrawn);
}

// --- internal ---

class Drawer implements DrawnFigures {
  refusal: string | null = null;
  readonly #onDrawn: () => void;
  readonly #drawn = new Map<FigureName, readonly Figure[]>();
  readonly #seen = () => this.#begin();
  #wanted: Wanted | null = null;
  #isDrawing = false;
  #isClosed = false;

  constructor(onDrawn: () => void) {
    this.#onDrawn = onDrawn;
    document.addEventListener("visibilitychange", this.#seen);
  }

  of(name: FigureName): readonly Figure[] | null {
    return this.#drawn.get(name) ?? null;
  }

  draw(wanted: Wanted): void {
    this.#wanted = wanted;
    this.#begin();
  }

  close(): void {
    this.#isClosed = true;
    this.#wanted = null;
    document.removeEventListener("visibilitychange", this.#seen);
  }

  #begin(): void {
    if (!this.#isDrawing) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isDrawing = true;
    while (this.#wanted !== null && !document.hidden && !this.#isClosed) {
      const wanted = this.#wanted;
      this.#wanted = null;
      const worked = await this.#drawAll(wanted);
      await new Promise((resolve) => {
        setTimeout(resolve, Math.max(restMs, restShare * worked));
      });
    }
    this.#isDrawing = false;
  }

  /** Returns how long it worked, in milliseconds. */
  async #drawAll(wanted: Wanted): Promise<number> {
    let worked = 0;
    const work = <Result>(task: () => Result): Result => {
      const began = performance.now();
      try {
        return task();
      } finally {
        worked += performance.now() - began;
      }
    };
    try {
      const report = await import("./figure-makers.ts").catch((error: unknown) => {
        throw new UsageError(
          "The figures could not be loaded: the server is gone. Load this page again once it is back.",
          {
            cause: error,
          },
        );
      });
      await yielded();
      const subjects = work(() =>
        report.subjectsFor(studyOf(wanted.runs, wanted.controls, wanted.label), wanted.linkOf),
      );
      this.refusal = null;
      for (const name of wanted.names) {
        await yielded();
        if (this.#isClosed) return worked;
        this.#drawn.set(
          name,
          work(() => subjects.flatMap((subject) => report.makers[name](subject))),
        );
        this.#onDrawn();
      }
    } catch (error) {
      if (!(error instanceof UsageError)) reportError(error);
      this.refusal = error instanceof Error ? error.message : String(error);
      this.#drawn.clear();
      if (!this.#isClosed) this.#onDrawn();
    }
    return worked;
  }
}
