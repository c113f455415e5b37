/**
 * Random search: the control that any method has to beat.
 *
 * It makes even draws without repeats, and reads no results.
 */
import type { Searcher } from "../search/ports.ts";
import { drawNew, roundSize } from "./draws.ts";

export const random: Searcher = {
  name: "random",
  summary: "even draws without repeats, within the limits",
  async propose(turn) {
    const stream = turn.random("draws");
    const drawn = await drawNew(turn, roundSize(turn), () => turn.space.sample(stream));
    return drawn.map(({ text }) => text);
  },
};
