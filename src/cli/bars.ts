/**
 * Bars in the last lines of a terminal, and lines above them that stay.
 *
 * It only draws them: their words come from the caller.
 */
import { MultiBar, Presets, type SingleBar } from "cli-progress";
import type { TextStream } from "./style.ts";

/** How many columns a bar itself takes. */
export const barColumns = 28;

export class Bars {
  readonly #out: TextStream;
  readonly #bars: MultiBar;
  /** Lines that the bars have taken and not drawn yet; they forget them when they stop. */
  #undrawn: string[] = [];

  /** @param beforeDrawing called whenever the bars are about to be drawn */
  constructor(out: TextStream, format: string, beforeDrawing: () => void = () => {}) {
    this.#out = out;
    this.#bars = new MultiBar(
      {
        stream: out,
        format,
        hideCursor: true,
        clearOnComplete: true,
        barsize: barColumns,
        fps: 5,
        gracefulExit: false,
        emptyOnZero: true,
        // A line that was said has moved what stood below it.
        forceRedraw: true,
      },
      Presets.rect,
    );
    this.#bars.on("update-pre", beforeDrawing);
    this.#bars.on("redraw-post", () => {
      this.#undrawn = [];
    });
  }

  bar(total: number, value: number, payload: object): SingleBar {
    return this.#bars.create(total, value, payload);
  }

  /** A line of text below the bars before. */
  line(words: () => string): void {
    this.#bars.create(1, 0, {}, { format: words });
  }

  /** Lines above the bars. */
  say(text: string): void {
    this.#undrawn.push(text);
    // What was drawn there goes first: erased after a line as wide as the terminal, it would take a letter of that line.
    // Bars also turn off that the terminal breaks lines, which would cut a longer one.
    this.#bars.log(`\u001b[J\u001b[?7h${text}\n\u001b[?7l`);
  }

  /** Takes the bars away; what was said stays. */
  end(): void {
    this.#bars.stop();
    for (const text of this.#undrawn.splice(0)) this.#out.write(`${text}\n`);
  }
}
