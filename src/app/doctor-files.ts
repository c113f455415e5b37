/**
 * The doctor's look at data: the files that the evaluator's configuration names, with their sizes and checksums.
 */
import { createHash } from "node:crypto";
import { existsSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { CollmError } from "../errors.ts";
import { type Config } from "../settings/config.ts";
import { readYaml } from "../settings/yaml-file.ts";
import { openRegular } from "../system/regular-file.ts";
import type { Findings } from "./findings.ts";

/** Larger files are shown by their size alone. */
const largestHashed = 2 * 1024 ** 3;

/** The files that the evaluator's configuration names. */
export async function checkDataFiles(
  { evaluator: { config, address } }: Pick<Config, "evaluator">,
  findings: Findings,
): Promise<void> {
  if (config === null) {
    const what =
      address === null
        ? "no evaluator configuration: the demo's table serves"
        : "the running evaluator has its own";
    findings.add("data", "skipped", what);
    return;
  }
  const whole = await readYaml(config).catch((error: unknown) => {
    if (!(error instanceof CollmError)) throw error;
    return null;
  });
  if (whole === null) {
    findings.add(
      "data",
      "skipped",
      `the files that ${config} names are not listed, for it could not be read`,
    );
    return;
  }
  for (const { key, path } of pathsIn(whole, dirname(resolve(config)))) {
    if (!existsSync(path)) {
      findings.add(
        "data",
        "warning",
        `${key}: ${path} is not there`,
        "correct the path, or leave the key out",
      );
      continue;
    }
    const stat = statSync(path);
    const size = stat.isDirectory() ? "a folder" : `${(stat.size / 1e6).toFixed(1)} MB`;
    const hash =
      stat.isFile() && stat.size <= largestHashed ? `, SHA-256 ${(await sha256(path)).slice(0, 16)}…` : "";
    findings.add("data", "ok", `${key}: ${path}, ${size}${hash}`);
  }
}

// --- internal ---

/** Everything in a configuration that names a file or a folder, as a path from its folder. */
function pathsIn(value: unknown, folder: string, key = ""): { key: string; path: string }[] {
  if (typeof value === "string") {
    const looksLikePath =
      value.includes("/") || /\.\w{2,5}$/.test(value) || existsSync(resolve(folder, value));
    return looksLikePath && !/^[a-z]+:\/\//.test(value) ? [{ key, path: resolve(folder, value) }] : [];
  }
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) =>
    pathsIn(member, folder, key === "" ? name : `${key}.${name}`),
  );
}

async function sha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  const file = await openRegular(path);
  for await (const chunk of file.createReadStream()) hash.update(chunk as Buffer);
  return hash.digest("hex");
}
