/** `setup`: the Python side of the npm package. What is made and how is app/python-setup.ts. */
import * as app from "../app/python-setup.ts";
import { program } from "../app/compose.ts";
import { shellWord } from "../text/shell.ts";
import type { Output } from "./output.ts";

export async function setup(flags: app.SetupParts, output: Output, signal: AbortSignal): Promise<void> {
  const made = await app.setUpPython(flags, { signal, say: (line) => output.say(line) });
  output.result(made, lines(made));
}

// --- internal ---

function lines({ folder, evaluator, parts, changed, instead }: app.MadePython): string[] {
  return [
    `${changed ? "Done" : "Nothing to do"}: evaluators are started from ${folder}.`,
    `Their other commands: ${shellWord(evaluator)} --help`,
    ...(parts.includes("tables") ? [`Try it: ${program} run --space analognas-baseline`] : []),
    ...(instead === null
      ? []
      : [`COLLM_NAS_PYTHON names ${instead}: unset it, or evaluators are started with that Python.`]),
  ];
}
