/**
 * Finds out whether a run would work, before one is begun.
 *
 * It makes no run and writes no file. The model is asked for one strategy, one list of architectures and the word at the
 * beginning of a long prompt; what that took is counted.
 */
import { randomStream } from "../search/random.ts";
import { Space } from "../search/space.ts";
import { type SpaceDescription } from "../search/space-description.ts";
import { namedNumbers } from "../text/numbers.ts";
import type { Config } from "../settings/config.ts";
import type { Flags } from "../settings/flags.ts";
import { openEvaluator } from "./compose.ts";
import { checkDataFiles } from "./doctor-files.ts";
import { checkModels } from "./doctor-models.ts";
import { type DoctorSpent, type Finding, Findings } from "./findings.ts";
import { checkFit, readRunConfig } from "./run-config.ts";
import { versions } from "./versions.ts";

/** What the checks of one examination share. */
export interface Examination {
  readonly findings: Findings;
  readonly signal: AbortSignal;
  /** Takes a line about what is done right now. */
  readonly say: (line: string) => void;
}

/** What was found. */
export interface Diagnosis {
  /** Whether a run would work. */
  readonly ok: boolean;
  readonly findings: readonly Finding[];
  readonly spent: DoctorSpent;
  /** That of the run's first problem; 0 where there is none. */
  readonly exitCode: number;
}

/** Looks at everything that a run of this configuration needs, in the order of a run. */
export async function doctor(
  file: string | undefined,
  flags: Flags,
  { signal, say = () => {} }: { readonly signal: AbortSignal; readonly say?: (line: string) => void },
): Promise<Diagnosis> {
  const findings = new Findings(signal);
  await examine(file, flags, { findings, signal, say });
  const { list, spent, exitCode, problems } = findings;
  return { ok: problems === 0, findings: list, spent, exitCode };
}

// --- internal ---

async function examine(file: string | undefined, flags: Flags, examination: Examination): Promise<void> {
  const { findings } = examination;
  const { collmNas, node } = await versions();
  findings.add("program", "ok", `collm-nas ${collmNas} on Node ${node}`);
  const config = await findings.try("configuration", () => readRunConfig(file, flags));
  if (config === null) return;
  findings.add("configuration", "ok", file === undefined ? "the flags are in order" : `${file} is in order`);
  await checkDataFiles(config, findings);
  const space = await checkEvaluator(config, examination);
  await checkModels(config, space, examination);
}

/** The evaluator, and whether the space can be searched. @returns the space; null: it cannot */
async function checkEvaluator(
  config: Config,
  { findings, signal, say }: Examination,
): Promise<SpaceDescription | null> {
  const address = config.evaluator.address ?? "started here";
  say(`evaluator (${address}) …`);
  const opened = await findings.try("evaluator", () => openEvaluator(config));
  if (opened === null) return null;
  const { evaluator, python, close } = opened;
  const which = python === null ? address : `${address} by ${python}`;
  try {
    const listed = await findings.try("evaluator", () => evaluator.list(signal));
    if (listed === null) return null;
    const { spaces, serverVersion } = listed;
    const available = spaces.filter((space) => space.available);
    findings.add(
      "evaluator",
      "ok",
      `${which}, version ${serverVersion}: ${available.length} of ${spaces.length} spaces can be searched (${available.map(({ id }) => id).join(", ") || "none"})`,
    );
    const space = await findings.try("space", async () => {
      const described = await evaluator.describe(config.space, signal);
      checkFit(config, described);
      return described;
    });
    if (space === null) return null;
    const one = new Space(space).sample(randomStream(config.seed, "doctor"));
    const [measured] =
      (await findings.try("costs", () => evaluator.measureCosts({ space, texts: [one.text] }, signal))) ?? [];
    if (measured === undefined) return null;
    const splits = space.splits.map(({ name }) => name).join(", ");
    findings.add(
      "space",
      "ok",
      `${space.id}: ${new Space(space).size.toLocaleString("en")} architectures, splits ${splits}; one drawn at random costs ${namedNumbers(measured.costs) || "nothing"}`,
    );
    return space;
  } finally {
    await close();
  }
}
