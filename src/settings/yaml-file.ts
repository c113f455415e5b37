/**
 * Reads YAML files of settings, from where the user is or from the presets that come with the program.
 *
 * What a key means is not known here, with one exception: a path in a file is relative to that file.
 */
import { existsSync, lstatSync, readdirSync } from "node:fs";
import { dirname, join, resolve, sep } from "node:path";
import { UsageError } from "../errors.ts";
import { packageRoot } from "../system/installation.ts";
import { NotRegular, readNamed } from "../system/regular-file.ts";
import { codeOf, isOutOfFiles } from "../system/system-error.ts";
import { didYouMean } from "../text/did-you-mean.ts";
import { fieldsOf } from "../text/json.ts";
import { homePath, pathRefusal } from "./written-values.ts";

/** A YAML file as it is. @throws UsageError naming the place that is wrong */
export async function readYaml(file: string): Promise<Record<string, unknown>> {
  const { parseDocument } = await import("yaml");
  const path = findFile(file);
  let text: string;
  try {
    text = (await readNamed(path)).toString("utf8");
  } catch (error) {
    if (isOutOfFiles(error)) throw error;
    const reason = error instanceof NotRegular ? error.message : codeOf(error) || String(error);
    const meant = reason === "ENOENT" && isFree(path) ? didYouMean(file, presets()) : "";
    throw new UsageError(`cannot read ${file}: ${reason}; give the path of a YAML file${meant}`);
  }
  const refused = (problem: string) =>
    new UsageError(`${file}: ${problem.split("\n")[0]?.replace(/:$/, "")}; correct the YAML`);
  const document = parseDocument(text, { prettyErrors: true });
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) throw refused(problem.message);
  let value: unknown;
  try {
    value = document.toJS() ?? {};
  } catch (error) {
    // References to nothing, or to too much.
    throw refused((error as Error).message);
  }
  if (typeof value !== "object" || Array.isArray(value))
    throw new UsageError(`${file}: expected keys and values, such as "space: NAME"`);
  if (hasPrototypeKey(value)) throw new UsageError(`${file}: unknown key "__proto__"`);
  return pathsFrom(dirname(resolve(path)), value as Record<string, unknown>);
}

/** An object cannot hold such a key: it would be lost without a message. */
function hasPrototypeKey(value: unknown): boolean {
  return (
    typeof value === "object" &&
    value !== null &&
    (Object.hasOwn(value, "__proto__") || Object.values(value).some(hasPrototypeKey))
  );
}

/** The paths of an evaluator configuration and of known results in a file are relative to that file. */
export function pathsFrom(folder: string, value: Record<string, unknown>): Record<string, unknown> {
  const found = { ...value };
  const { evaluator, known } = value;
  const config = fieldsOf(evaluator)["config"];
  if (typeof config === "string")
    found["evaluator"] = { ...fieldsOf(evaluator), config: pathFrom(folder, config) };
  if (typeof known === "string" && known !== "") found["known"] = pathFrom(folder, known);
  return found;
}

/** A path relative to a folder. */
export function pathFrom(folder: string, path: string): string {
  // A refused path is shown as it was written.
  return pathRefusal(path) === null ? resolve(folder, homePath(path)) : path;
}

/** The file itself, or the preset of that name; presets are found from any folder. */
export function findFile(file: string): string {
  const name = file.replace(/^\.\//, "");
  return isFree(file) && presets().includes(name) ? join(packageRoot, name) : file;
}

/** Whether nothing has this name, not even a broken link. */
function isFree(path: string): boolean {
  try {
    lstatSync(path);
    return false;
  } catch (error) {
    return ["ENOENT", "ENOTDIR"].includes(codeOf(error));
  }
}

/** The configurations and plans that come with the program, such as presets/spos.yaml. */
function presets(): string[] {
  const folder = join(packageRoot, "presets");
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".yaml"))
    .map((name) => `presets/${name.split(sep).join("/")}`);
}
