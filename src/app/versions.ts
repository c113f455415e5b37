/** The versions of this program and of Node, as records and reports name them. */
import { join } from "node:path";
import { readRegular } from "../system/regular-file.ts";
import { packageRoot } from "./compose.ts";

/** By name. */
export async function versions(): Promise<Record<string, string>> {
  const { version } = JSON.parse((await readRegular(join(packageRoot, "package.json"))).toString("utf8")) as {
    version: string;
  };
  return { collmNas: version, node: process.version };
}
