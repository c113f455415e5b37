/**
 * Says what a run was made with, setting by setting, so that runs can be compared: all settings that decide.
 *
 * Where a server was, how patiently it was asked and where output went is no part of it.
 */
import { fieldsOf } from "../text/json.ts";
import type { RunState } from "../search/state.ts";
import { roleSchema } from "../search/events.ts";
import { type Setting, type SettingKey, settings } from "../settings.ts";

/** The parts of a run that hold its settings. */
export interface MadeRun extends Pick<RunState, "search" | "setup" | "models"> {
  readonly space: Pick<RunState["space"], "id">;
  /** The space under its own names, where the search was blind to them. */
  readonly original?: Pick<RunState["space"], "id"> | null | undefined;
}

/** Every setting that decides, with its value in the run. */
export function settingsOf(run: MadeRun): Record<SettingKey, unknown> {
  const decided = Object.entries<Setting>(settings).flatMap(([key, setting]) =>
    setting.scope === "decides" ? [[key, valueIn(run, key, setting)] as const] : [],
  );
  return Object.fromEntries(decided) as Record<SettingKey, unknown>;
}

/** A setting in the words that tables use to distinguish searches: "no oracle", "seed 3", "blind". */
export function settingWords(key: string, value: unknown): string {
  const { label = plainWords(key), words } =
    (settings as Readonly<Record<string, Partial<Setting>>>)[key] ?? {};
  if (words !== undefined) return words(value);
  if (typeof label !== "string") return value === true ? label[1] : label[0];
  if (typeof value === "boolean") return value ? label : `no ${label}`;
  if (value === null || value === undefined) return `${label} unset`;
  const inWords = valueWords(value);
  return inWords === "" ? `no ${label}` : `${label} ${inWords}`;
}

// --- internal ---

function valueIn(
  { search, setup, models, space, original }: MadeRun,
  key: string,
  setting: Setting,
): unknown {
  const [group = "", name = ""] = key.split(".");
  if (key === "space") return (original ?? space).id;
  if (group === "model") return models === null ? null : playedWith(setup["model"], name, setting);
  const value = name === "" ? fieldsOf(search)[key] : fieldsOf(fieldsOf(search)[group])[name];
  return value ?? setting.unrecorded ?? null;
}

/** A setting of the models: one value, or one for each role where they differ. */
function playedWith(model: unknown, name: string, setting: Setting): unknown {
  if (model === null || model === undefined) return null;
  const { roles, ...shared } = fieldsOf(model);
  const [navigator, generator] = roleSchema.options.map((role) => {
    const own = fieldsOf(fieldsOf(roles)[role]);
    return (Object.hasOwn(own, name) ? own[name] : shared[name]) ?? setting.default ?? null;
  });
  return JSON.stringify(navigator) === JSON.stringify(generator) ? navigator : { navigator, generator };
}

/** The words of a key: `costRevision` is a cost revision. */
function plainWords(key: string): string {
  const name = key.slice(key.lastIndexOf(".") + 1);
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

/** Empty where there is nothing in it. */
function valueWords(value: unknown): string {
  if (Array.isArray(value)) return value.map(valueWords).join("+");
  if (typeof value !== "object" || value === null) return typeof value === "string" ? value : String(value);
  const entries = Object.entries(value);
  const isPlain = entries.every(([, member]) => typeof member !== "object" || member === null);
  return entries.length === 0
    ? ""
    : isPlain
      ? entries.map(([name, member]) => `${name}=${String(member)}`).join(" ")
      : JSON.stringify(value);
}
