/**
 * The npm package as a user gets it: packed, and installed in an empty folder with the locked versions of what it needs.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root, temporaryFolder } from "./cli.ts";

export interface Packed {
  readonly file: string;
  /** Of the archive, in bytes. */
  readonly size: number;
  readonly paths: readonly string[];
}

/** Packs what was built. */
export function packed(): Packed {
  const folder = temporaryFolder();
  const [said] = JSON.parse(
    npm(root, "pack", "--json", "--ignore-scripts", "--pack-destination", folder).stdout,
  ) as {
    filename: string;
    size: number;
    files: { path: string }[];
  }[];
  if (said === undefined) throw new Error("npm pack names no package");
  return { file: join(folder, said.filename), size: said.size, paths: said.files.map(({ path }) => path) };
}

export interface Installed {
  /** What npm warned of. */
  readonly warnings: string;
  /** Runs the command, with nothing but Node on PATH unless the environment names another. */
  readonly collmNas: (
    args: readonly string[],
    environment?: Readonly<Record<string, string>>,
  ) => Promise<Ran>;
  /** The command, and the folder that it is installed in. */
  readonly command: string;
  readonly folder: string;
}

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Installs it in an empty folder. npm has kept most of what it fetches since the set-up of the tests. */
export function installed({ file }: Packed): Installed {
  const folder = temporaryFolder();
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
    packages: Record<string, { dev?: boolean }>;
  };
  const { "": own, ...others } = packages;
  const needed = Object.entries(others).filter(([, { dev }]) => dev !== true);
  const user = { name: "user", dependencies: { "collm-nas": `file:${file}` } };
  const lock = {
    name: user.name,
    lockfileVersion: 3,
    packages: {
      "": user,
      "node_modules/collm-nas": { ...own, resolved: `file:${file}` },
      ...Object.fromEntries(needed),
    },
  };
  writeFileSync(join(folder, "package.json"), JSON.stringify(user));
  writeFileSync(join(folder, "package-lock.json"), JSON.stringify(lock));
  const { stderr } = npm(folder, "ci", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund");
  const nodeAlone = join(folder, "node-alone");
  mkdirSync(nodeAlone);
  symlinkSync(process.execPath, join(nodeAlone, "node"));
  const command = join(folder, "node_modules/.bin/collm-nas");
  const collmNas = async (args: readonly string[], environment: Readonly<Record<string, string>> = {}) => {
    const child = spawn(command, args, {
      cwd: folder,
      env: { PATH: nodeAlone, HOME: folder, ...environment },
    });
    const out = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const)
      child[name].setEncoding("utf8").on("data", (text: string) => (out[name] += text));
    const [code] = (await once(child, "close")) as [number | null];
    return { code, ...out };
  };
  return { warnings: stderr, collmNas, command, folder };
}

function npm(folder: string, ...args: readonly string[]) {
  const ended = spawnSync("npm", args, { cwd: folder, encoding: "utf8" });
  if (ended.status !== 0) throw new Error(`npm ${args[0]} failed: ${ended.stderr}`);
  return ended;
}
