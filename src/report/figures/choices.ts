/**
 * How often each choice was taken in each slot, round by round: a heat map that shows how a search narrows.
 *
 * Slots are put together where there are too many rows.
 */
import * as Plot from "@observablehq/plot";
import { evaluations } from "../../search/results.ts";
import type { SpaceDescription } from "../../search/space-description.ts";
import type { ComparedCohort, ComparedSpace } from "../comparison.ts";
import type { DataRow, Figure } from "../exhibit.ts";
import { draw, keyHeight, shortened } from "./canvas.ts";
import type { Subject } from "./subject.ts";
import { architectureReader } from "../own-names.ts";
import { seriesColour } from "./colours.ts";
import { mostRounds } from "./round-bests.ts";

/** With more rows than this, the slots of a dimension are put together. */
const mostRows = 72;
const rowHeight = 14;

/** A slot, or all slots of a dimension; with the choices that it has. */
interface Place {
  readonly name: string;
  readonly choices: readonly string[];
}

interface Cell {
  readonly place: string;
  readonly choice: string;
  readonly row: string;
  readonly round: number;
  readonly share: number;
  readonly count: number;
}

/** A heat map for each search with a strategy that is shown in detail, or for the first one where none has any. */
export function choicesFigures({ space, detailed, withStrategy }: Subject): Figure[] {
  const cohorts = withStrategy.length > 0 ? withStrategy : detailed.slice(0, 1);
  return cohorts.flatMap((cohort, index) => choicesFigure(space, cohort, index) ?? []);
}

// --- internal ---

function choicesFigure(
  { id, slug: name, space }: ComparedSpace,
  cohort: ComparedCohort,
  index: number,
): Figure | null {
  if (space === null) return null;
  const isTogether = slotsOf(space).reduce((sum, { choices }) => sum + choices.length + 1, 0) > mostRows;
  const places = isTogether
    ? space.dimensions.map(({ name: dimension, choices }): Place => ({ name: dimension, choices }))
    : slotsOf(space);
  const cells = cellsOf(cohort, places, isTogether);
  if (cells.length === 0) return null;
  const rounds = Array.from({ length: Math.max(...cells.map(({ round }) => round)) }, (_, at) => at + 1);
  const headings = places.map((place) => rowOf(place.name, null));
  const rows = places.flatMap((place) => [
    rowOf(place.name, null),
    ...place.choices.map((choice) => rowOf(place.name, choice)),
  ]);
  const colour = seriesColour(0);
  const key = [0, 0.25, 0.5, 0.75, 1].map((share) => ({ text: `${100 * share} %`, colour, opacity: share }));
  const every = Math.ceil(rounds.length / 20);
  const longest = Math.max(
    ...places.flatMap((place) => place.choices.map((choice) => Math.min(24, choice.length))),
  );
  const figureId = `choices-${index + 1}-${name}`;
  const svg = draw({
    id: figureId,
    label: `Heat map: the share of architectures that took each choice in each ${isTogether ? "dimension" : "slot"}, by round, for ${cohort.label} on ${id}.`,
    key,
    height: keyHeight(key) + 24 + rows.length * rowHeight + 42,
    marginLeft: Math.max(70, 20 + longest * 6.8),
    marginRight: 20,
    marginTop: 8 + keyHeight(key),
    marginBottom: 42,
    x: {
      type: "band",
      domain: rounds,
      label: "round",
      labelArrow: "none",
      padding: 0.06,
      tickSize: 0,
      tickFormat: (round: number) => ((round - 1) % every === 0 ? `${round}` : ""),
    },
    y: {
      type: "band",
      domain: rows,
      label: null,
      padding: 0.06,
      tickSize: 0,
      tickFormat: (row: string) => (headings.includes(row) ? "" : shortened(choiceOf(row), 24)),
    },
    opacity: { type: "identity" },
    marks: [
      // A choice that was never taken has no colour.
      Plot.cell(
        cells.filter(({ share }) => share > 0),
        { x: "round", y: "row", fill: colour, fillOpacity: "share" },
      ),
      Plot.text(headings, {
        y: (row: string) => row,
        frameAnchor: "left",
        text: (row: string) => shortened(placeOf(row), 60),
        textAnchor: "start",
        fontWeight: "bold",
        dy: -1,
      }),
    ],
  });
  return {
    id: figureId,
    title: `Choices that ${cohort.label} evaluated on ${id}`,
    caption: `The share of a round's evaluated architectures that took each choice${cohort.runs.length === 1 ? "" : `, all ${cohort.runs.length} runs together`}.`,
    notes: [
      {
        term: "Share of a choice",
        words: `${isTogether ? "over all slots of a dimension that are in use" : "slot by slot, among the architectures that use the slot"}. The darker a row grows (lighter on a dark page), the more the search has settled on that choice.`,
      },
    ],
    data: cells.map(
      ({ place, choice, round, share, count }): DataRow => ({
        search: cohort.label,
        slot: place,
        choice,
        round,
        share,
        count,
      }),
    ),
    svg,
  };
}

function slotsOf({ dimensions }: SpaceDescription): Place[] {
  return dimensions.flatMap(({ name, choices, groups, slotNames }) => {
    const length = groups.reduce((sum, { size }) => sum + size, 0);
    return Array.from({ length }, (_, slot) => {
      const own = slotNames[slot] ?? "";
      return { name: `${length === 1 ? name : `${name}[${slot}]`}${own === "" ? "" : `: ${own}`}`, choices };
    });
  });
}

function cellsOf(cohort: ComparedCohort, places: readonly Place[], isTogether: boolean): Cell[] {
  const most = mostRounds([cohort]);
  /** By round, then place, then choice. */
  const counts = Array.from({ length: most }, () => places.map(({ choices }) => choices.map(() => 0)));
  for (const { state } of cohort.runs) {
    const read = architectureReader(state);
    for (const { candidate, measured } of evaluations(state)) {
      let place = 0;
      for (const [dimension, slots] of (read(measured.text)?.choices ?? []).entries()) {
        for (const choice of slots) {
          const row = counts[candidate.round - 1]?.[isTogether ? dimension : place];
          if (choice !== null && row !== undefined) row[choice] = (row[choice] ?? 0) + 1;
          place += 1;
        }
      }
    }
  }
  return counts.flatMap((byPlace, index) =>
    places.flatMap(({ name, choices }, at): Cell[] => {
      const own = byPlace[at] ?? [];
      const total = own.reduce((sum, count) => sum + count, 0);
      if (total === 0) return [];
      return choices.map((choice, of) => {
        const count = own[of] ?? 0;
        return {
          place: name,
          choice,
          row: rowOf(name, choice),
          round: index + 1,
          share: count / total,
          count,
        };
      });
    }),
  );
}

/** Names a row; null: the heading of a place. */
function rowOf(place: string, choice: string | null): string {
  return JSON.stringify([place, choice]);
}

function placeOf(row: string): string {
  return (JSON.parse(row) as [string, string | null])[0];
}

function choiceOf(row: string): string {
  return (JSON.parse(row) as [string, string | null])[1] ?? "";
}
