/**
 * The licences of the packages in a bundle, as one text.
 *
 * What is in it is read from esbuild's own account of the bundle. A package that is imported and not used is not named.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** @param outputs the bundle's files in esbuild's metafile */
export function licencesOf(root, outputs) {
  const packages = outputs
    .flatMap(({ inputs }) => Object.entries(inputs))
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    .flatMap(([path]) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? []);
  return [...new Set(packages)]
    .sort()
    .map((path) => {
      const { name, version, license } = JSON.parse(readFileSync(join(root, path, "package.json"), "utf8"));
      const file = readdirSync(join(root, path)).find((each) => /^licen[cs]e/i.test(each));
      const text = file === undefined ? "" : readFileSync(join(root, path, file), "utf8");
      return `${name} ${version} (${license})\n\n${text.trim()}\n`;
    })
    .join(`\n${"-".repeat(80)}\n\n`);
}
