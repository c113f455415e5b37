/**
 * A search as it runs, in the terminal.
 *
 * Owns what is drawn on standard error: a line or two a round, and a bar with the best so far and the time left where
 * there is a terminal. Reads state through selectors and changes nothing.
 */
import { MultiBar, Presets, type SingleBar } from "cli-progress";
import wrap from "wrap-ansi";
import type { Notice } from "../search/coordinator.ts";
import { strategySummary } from "../search/strategy.ts";
import { best, budgetSpent, funnel, type RunState } from "../search/state.ts";
import { paint, plain } from "./style.ts";
import { scoreText } from "./summary.ts";

const narrowest = 60;

export class LiveView {
  readonly #out: NodeJS.WriteStream;
  #bars: MultiBar | null = null;
  #bar: SingleBar | null = null;
  /** Lines that the bar has taken and not drawn yet; it forgets them when it stops. */
  #undrawn: string[] = [];
  #bestBefore: number | null = null;
  readonly #startedAt = performance.now();
  #spentBefore: number | null = null;

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
  }

  /** The opening line. */
  begin(state: RunState): void {
    const { search, space, models } = state;
    const limits = Object.entries(search.limits).map(([name, limit]) => `${name} at most ${limit}`);
    const players =
      models === null ? "" : ` (${[...new Set([models.navigator, models.generator])].join(" and ")})`;
    const parts = [
      `space ${paint(this.#out, "bold", space.id)}`,
      `searcher ${paint(this.#out, "bold", search.searcher)}${players}`,
      `${search.budget} evaluations`,
      ...limits,
      `seed ${search.seed}`,
    ];
    this.say(wrap(parts.join(", "), this.#width()));
    this.#spentBefore = budgetSpent(state);
    this.#bestBefore = best(state)?.value ?? null;
    if (!this.#out.isTTY) return;
    this.#bars = new MultiBar(
      {
        stream: this.#out,
        format: "  {bar} {value}/{total} evaluated  best {best}  {left}",
        hideCursor: true,
        clearOnComplete: true,
        barsize: 28,
        fps: 12,
        gracefulExit: false,
        emptyOnZero: true,
      },
      Presets.rect,
    );
    this.#bars.on("redraw-post", () => {
      this.#undrawn = [];
    });
    this.#bar = this.#bars.create(search.budget, budgetSpent(state), this.#payload(state));
  }

  /** Takes a notice of the search. */
  observe(notice: Notice): void {
    switch (notice.kind) {
      case "recorded":
        this.#recorded(notice);
        break;
      case "waiting":
        this.say(
          paint(this.#out, "yellow", `waiting ${notice.seconds.toFixed(1)} s: ${plain(notice.reason)}`),
        );
        break;
      case "asking":
        if (notice.attempt > 1)
          this.say(
            paint(this.#out, "yellow", `the ${notice.role}'s reply could not be read: asking once more`),
          );
        break;
      case "progress":
        break;
    }
  }

  /** One line above the bar. */
  say(line: string): void {
    if (this.#bars === null) this.#out.write(`${line}\n`);
    else {
      this.#undrawn.push(line);
      this.#bars.log(`${line}\n`);
    }
  }

  /** Takes the bar away; what was said stays. */
  end(): void {
    this.#bars?.stop();
    this.#bars = null;
    this.#bar = null;
    for (const line of this.#undrawn.splice(0)) this.say(line);
  }

  #recorded({ event, state }: Extract<Notice, { kind: "recorded" }>): void {
    if (event.type === "strategy-set") this.#strategy(event.round, plain(strategySummary(event.text)));
    if (event.type === "round-closed") this.#closed(event.round, state);
    if (event.type === "architecture-measured" || event.type === "run-ended")
      this.#bar?.update(budgetSpent(state), this.#payload(state));
  }

  /** The strategy's summary in at most two lines. */
  #strategy(round: number, summary: string): void {
    const label = `${roundLabel(round)}  `;
    const [first = "", second = "", ...more] = wrap(summary, this.#width() - label.length - 2).split("\n");
    this.say(label + first);
    if (second !== "") this.say(" ".repeat(label.length) + second + (more.length > 0 ? " …" : ""));
  }

  #closed(round: number, state: RunState): void {
    const counts = funnel(state, round);
    const value = best(state)?.value ?? null;
    const better = value !== null && value !== this.#bestBefore;
    const lost = [
      [counts.unreadable + counts.illegal, "not valid"],
      [counts.repeated, "repeated"],
      [counts.equivalent, "equivalent"],
      [counts.overLimit, "over the limit"],
      [counts.beyondBudget, "beyond the budget"],
      [counts.failed, "failed"],
    ] as const;
    const losses = lost
      .filter(([count]) => count > 0)
      .map(([count, name]) => `, ${count} ${name}`)
      .join("");
    const score = `best ${scoreText(state, value)}`;
    const label = state.models === null ? roundLabel(round) : " ".repeat(roundLabel(round).length);
    this.say(
      `${label}  ${better ? paint(this.#out, "green", `${score} ↑`) : score}, ${counts.evaluated} evaluated${losses}`,
    );
    this.#bestBefore = value;
  }

  #payload(state: RunState): { best: string; left: string } {
    const spent = budgetSpent(state);
    const made = spent - (this.#spentBefore ?? 0);
    const seconds = (performance.now() - this.#startedAt) / 1000;
    const left = made === 0 ? "" : `${Math.ceil((seconds / made) * (state.search.budget - spent))} s left`;
    return { best: scoreText(state, best(state)?.value ?? null), left };
  }

  #width(): number {
    return Math.max(narrowest, this.#out.columns ?? 100);
  }
}

function roundLabel(round: number): string {
  return `round ${String(round).padStart(2)}`;
}
