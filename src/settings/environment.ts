/**
 * Reads the environment: the keys and headers of model servers, the Python to start, the folders of cache and data.
 *
 * Nothing else in the program reads it. The values are passed on, and never stored.
 */
import { isAbsolute, join } from "node:path";
import { UsageError } from "../errors.ts";
import { localModel, type ServerConfig } from "./config.ts";

/**
 * The headers of a server, with the values from the environment.
 *
 * @throws UsageError naming the variable that is not set
 */
export function readHeaders({ headers }: ServerConfig): Record<string, string> {
  const read = ([name, value]: [string, string]) => {
    const [, variable] = /^\$([A-Za-z_][A-Za-z0-9_]*)$/.exec(value) ?? [];
    const found = variable === undefined ? value : process.env[variable];
    if (found === undefined || found === "")
      throw new UsageError(`header "${name}" is taken from ${variable}, which is not set; set it`);
    return [name, found] as const;
  };
  return Object.fromEntries(Object.entries(headers).map(read));
}

/** The key for a model, or null where its server needs none. It is read only for a model that was named. */
export function readKey({ name, baseUrl, keyVariable }: ServerConfig): string | null {
  if (localModel(name) !== null) return null;
  const key = process.env[keyVariable];
  if (key !== undefined && key !== "") return key;
  if (new URL(baseUrl).hostname !== "api.openai.com") return null;
  throw new UsageError(
    `model "${name}" at ${baseUrl} needs a key; set ${keyVariable}, or name another server with --base-url`,
  );
}

/** The Python to start the evaluator with, where somebody set it. */
export function pythonFromEnvironment(): string | null {
  const python = process.env["COLLM_NAS_PYTHON"] ?? "";
  return python === "" ? null : python;
}

/** Variables that change how a Python prints, and not which code it loads. */
const harmlessToPython: ReadonlySet<string> = new Set([
  "PYTHONDONTWRITEBYTECODE",
  "PYTHONFAULTHANDLER",
  "PYTHONHASHSEED",
  "PYTHONIOENCODING",
  "PYTHONPYCACHEPREFIX",
  "PYTHONUNBUFFERED",
  "PYTHONUTF8",
]);

/**
 * The environment for a Python that is started here. Settings of a shell for other Pythons (PYTHONPATH, PYTHONHOME, an
 * activated environment and so on) are left out: with them it would load other code, or none.
 */
export function environmentForPython(): Record<string, string | undefined> {
  const isForeign = (name: string) =>
    (name.startsWith("PYTHON") && !harmlessToPython.has(name)) ||
    /^(VIRTUAL_ENV|VIRTUAL_ENV_PROMPT|__PYVENV_LAUNCHER__)$/.test(name);
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !isForeign(name)));
}

/** The folder for files that may be deleted at any time, by the XDG rules; null: the environment names no home. */
export function cacheFromEnvironment(): string | null {
  return xdgFolder("XDG_CACHE_HOME", ".cache");
}

/** The folder for files that stay, by the XDG rules; null: the environment names no home. */
export function dataFromEnvironment(): string | null {
  return xdgFolder("XDG_DATA_HOME", ".local/share");
}

/** Whether this process was started by `npx` or by a script of npm. */
export function isStartedByNpm(): boolean {
  return (process.env["npm_command"] ?? "") !== "";
}

function xdgFolder(variable: string, inHome: string): string | null {
  const { [variable]: named, HOME: home } = process.env;
  // A relative path does not count.
  if (named !== undefined && isAbsolute(named)) return join(named, "collm-nas");
  return home === undefined || !isAbsolute(home) ? null : join(home, inHome, "collm-nas");
}
