/**
 * The winner of a run in the forms that a person copies.
 *
 * search/space.ts spells an architecture; report/winners.ts has the command that evaluates it again.
 */
import { program } from "./program.ts";
import { spaceOf } from "../../report/study.ts";
import { evaluateCommand } from "../../report/winners.ts";
import { Space } from "../../search/space.ts";
import type { Best } from "../../search/results.ts";
import type { RunState } from "../../search/state.ts";

export interface WinnerForms {
  /** Its canonical text, under the space's own names where they are known. */
  readonly text: string;
  /** Whether the text has the neutral names that a blind run saw, because they could not be translated. */
  readonly isBlind: boolean;
  readonly json: string;
  /** Null: the space has no such form. */
  readonly templateString: string | null;
  /** Null: the text means nothing to the evaluator. */
  readonly command: string | null;
}

/** @param open translates into the space's own names; null: this version cannot */
export function winnerForms(
  state: RunState,
  { text: seen }: Pick<Best, "text">,
  open: ((text: string) => string) | null,
): WinnerForms {
  const description = open === null ? state.space : spaceOf(state);
  const text = open === null ? seen : open(seen);
  const space = new Space(description);
  return {
    text,
    isBlind: open === null,
    json: JSON.stringify(space.toObject(space.fromText(text))),
    // Where there is a template it is the one spelling.
    templateString: description.template === "" ? null : text,
    command: open === null ? null : evaluateCommand(program(), text, description.id, state),
  };
}
