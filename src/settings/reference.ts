/**
 * Writes the tables of the configuration reference, as Markdown, from the table of settings.
 */
import * as z from "zod";
import { groups, nameIn, planSettings, type Setting, settings } from "../settings.ts";
import { type FlagKey, flagForm, flagged } from "./command-flags.ts";

/** Every key of search.yaml: a table for the top level and one for each group. */
export function configurationReference(): string {
  const inGroup = (group: string) =>
    Object.entries<Setting>(settings).flatMap(([key, setting]): Row[] => {
      const name = nameIn(group, key);
      const { default: together = {} } = (groups as Readonly<Record<string, Partial<Setting>>>)[group] ?? {};
      const usual = (together as Readonly<Record<string, unknown>> | null)?.[name ?? ""];
      const entry = usual === undefined ? setting : { ...setting, default: usual };
      return name === null ? [] : [{ name, flag: flagOf(key), setting: entry }];
    });
  const ofGroups = Object.entries<Partial<Setting>>(groups).filter(([group]) => !group.includes("."));
  return [
    table([
      ...inGroup(""),
      ...ofGroups.map(
        ([name, { help = "", default: usual }]): Row => ({
          name,
          flag: flagOf(name),
          setting: {
            help: `${help}; see below`,
            scope: "surrounds",
            ...(usual === null ? { default: null } : { usually: "what its keys have" }),
          },
        }),
      ),
    ]),
    ...ofGroups.flatMap(([group, { help = "", default: usual }]) => [
      `### ${group}`,
      `${sentence(help)}${usual === undefined || usual === null ? "" : ` The default is \`${inline(usual)}\`; if you give one of the keys, give both.`}`,
      table(inGroup(group)),
      ...(group === "model"
        ? [`\`roles\`: ${groups["model.roles"].help}, such as \`roles: {navigator: {temperature: 0.8}}\`.`]
        : []),
    ]),
    "### What decides",
    `Two runs count as the same search if they differ in the seed alone. These settings only surround a search and are not compared: ${surrounding()}.`,
    "### The paper's settings",
    `\`paper: true\` means ${paperWords()}. A file that says otherwise at one of these keys is refused.`,
  ].join("\n\n");
}

/** Every key of plan.yaml. */
export function planReference(): string {
  return table(
    Object.entries<Setting>(planSettings).map(([name, setting]) => ({
      name,
      flag: flagOf(`plan.${name}`),
      setting,
    })),
  );
}

// --- internal ---

interface Row {
  readonly name: string;
  readonly flag: string;
  readonly setting: Omit<Setting, "schema"> & Partial<Pick<Setting, "schema">>;
}

function table(rows: readonly Row[]): string {
  return [
    "| key | default | flag | what it is |",
    "|---|---|---|---|",
    ...rows.map(
      ({ name, flag, setting }) =>
        `| \`${name}\` | ${defaultWords(setting)} | ${flag === "" ? "" : `\`${flag}\``} | ${setting.help.replaceAll("|", "\\|")}${choiceWords(setting)} |`,
    ),
  ].join("\n");
}

function defaultWords({ default: usual, usually, isOptional, missing }: Row["setting"]): string {
  if (usually !== undefined) return usually;
  if (usual === undefined) return isOptional === true || missing === undefined ? "none" : "has to be given";
  return `\`${inline(usual)}\``;
}

/** The choices of a setting that has a few. */
function choiceWords({ schema }: Row["setting"]): string {
  const found = schema?.(z);
  const choices = found instanceof z.ZodArray ? found.element : found;
  return choices instanceof z.ZodEnum
    ? ` (${choices.options.map((option) => `\`${option}\``).join(", ")})`
    : "";
}

function surrounding(): string {
  const keys = Object.entries<Setting>(settings).flatMap(([key, { scope }]) =>
    scope === "surrounds" && key !== "paper" ? [`\`${key}\``] : [],
  );
  return `${keys.slice(0, -1).join(", ")} and ${keys.at(-1)}`;
}

function flagOf(key: string): string {
  const entries: Readonly<Record<string, Partial<Setting>>> = flagged;
  return entries[key]?.flag === undefined ? "" : flagForm(key as FlagKey);
}

function paperWords(): string {
  const said = Object.entries<Partial<Setting>>({ ...settings, ...groups }).flatMap(([key, { paper }]) =>
    paper === undefined ? [] : [`\`${key}: ${inline(paper)}\``],
  );
  return `${said.slice(0, -1).join(", ")} and ${said.at(-1)}`;
}

/** A value as YAML in one line. */
function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(", ")}]`;
  if (typeof value !== "object" || value === null) return String(value);
  return `{${Object.entries(value)
    .map(([key, member]) => `${key}: ${inline(member)}`)
    .join(", ")}}`;
}

function sentence(phrase: string): string {
  return `${phrase[0]?.toUpperCase() ?? ""}${phrase.slice(1)}.`;
}
