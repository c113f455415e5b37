/**
 * Every check of the contract, in the order in which they are made.
 *
 * A new check is an entry in the list of its file. Its sentence is one of proto/, word for word: a test finds it there.
 */
import { costChecks } from "./conform-costs.ts";
import { descriptionChecks } from "./conform-description.ts";
import { evaluationChecks } from "./conform-evaluations.ts";
import { refusalChecks } from "./conform-refusals.ts";
import { serverChecks } from "./conform-server.ts";
import type { Check, SpaceSubject } from "./conform-subject.ts";

export { serverChecks };

/** For each space. Refusals come before evaluations, which take longer; the call that is cancelled comes last. */
export const spaceChecks: readonly Check<SpaceSubject>[] = [
  ...descriptionChecks,
  ...costChecks,
  ...refusalChecks,
  ...evaluationChecks,
];
