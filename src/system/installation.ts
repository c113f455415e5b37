/**
 * Where this program is and how it was installed, for its own files and for the commands that messages suggest.
 *
 * It looks at files only and starts nothing.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { commandLine } from "../text/shell.ts";

/** The folder that holds package.json, proto/ and presets/. It is as far from src/system as from dist/system. */
export const packageRoot = fileURLToPath(new URL("../../", import.meta.url));

const oneFile = join(packageRoot, "dist/cli/main.mjs");

/** Whether it came with the Python package, which holds it as one file (scripts/bundle-control.mjs). */
export const isInPythonPackage = existsSync(oneFile);

/** Whether it runs from a checkout of the sources. */
export const isCheckout = existsSync(join(packageRoot, "src"));

/** The file that Node starts as the command line. */
export const mainFile = isInPythonPackage ? oneFile : join(packageRoot, "dist/cli/main.js");

/** The command that installs the evaluator where this program is. */
export const installEvaluator = isInPythonPackage
  ? "pip install collm-nas"
  : isCheckout
    ? "npm run setup"
    : "npx collm-nas setup";

/** The command that adds a package of Node to this program, for packages that it works without. */
export function installPackage(name: string): string {
  return commandLine("npm", "install", "--no-save", "--prefix", packageRoot, name);
}
