/**
 * Adds flags to commands by the table of settings, and has their values read when a command is called.
 *
 * Help needs the table alone; what reads the values is loaded with the command.
 */
import { type Command, Option } from "@commander-js/extra-typings";
import { type FlagKey, flagForm, flagHelp } from "../settings/command-flags.ts";
import type { FlagsOf } from "../settings/flags.ts";
import type { Handlers } from "./commands.ts";
import type { Output } from "./output.ts";

/** What is otherwise for one command than for others. */
export interface FlagWords {
  /** Whether what is not given has its default, and not what was there before. */
  readonly hasDefaults?: boolean;
  /** What a flag does in this command, where the table says it too generally. */
  readonly help?: Readonly<Partial<Record<FlagKey, string>>>;
  readonly required?: readonly FlagKey[];
}

type Act<Args extends unknown[], Key extends FlagKey> = (
  args: Args,
  flags: FlagsOf<Key>,
  output: Output,
  signal: AbortSignal,
) => Promise<void>;

/** Gives a command its flags, `--json` last, and what it does. */
export function act<Args extends unknown[], Key extends FlagKey>(
  command: Command<Args>,
  handlers: Handlers,
  keys: readonly Key[],
  run: Act<Args, Key>,
  words: FlagWords & { readonly isBrief?: boolean } = {},
): void {
  const { hasDefaults = true, help = {}, required = [], isBrief = false } = words;
  for (const key of [...keys, "json"] as const) {
    const option = new Option(flagForm(key), help[key] ?? flagHelp(key, hasDefaults));
    // What was given is read with the others, once the command is loaded.
    if (option.required)
      option.argParser((text: string, before: readonly string[] | undefined) => [...(before ?? []), text]);
    command.addOption(option.makeOptionMandatory(required.includes(key)));
  }
  command.action(async (...all) => {
    const args = all.slice(0, -2) as Args;
    const given = command.opts() as Readonly<Record<string, unknown>>;
    const read = async () => (await import("../settings/flags.ts")).readFlags(keys, given);
    const [json, events, exitWithStdin] = ["json", "events", "exitWithStdin"].map(
      (name) => given[name] === true,
    ) as [boolean, boolean, boolean];
    const manner = { json, events, exitWithStdin };
    if (isBrief) await handlers.look(manner, async (output) => run(args, await read(), output, neverRaised));
    else await handlers.perform(manner, async (output, signal) => run(args, await read(), output, signal));
  });
}

// --- internal ---

const neverRaised = new AbortController().signal;
