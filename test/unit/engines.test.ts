/** The oldest Node that the package declares is one that every package it brings along takes. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { minVersion, satisfies } from "semver";
import { expect, test } from "vitest";
import { root } from "../support/cli.ts";

interface Locked {
  readonly version: string;
  readonly dev?: boolean;
  readonly engines?: { readonly node?: string };
}

const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
  packages: Record<string, Locked>;
};
const { engines } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  engines: { node: string };
};
const oldest = minVersion(engines.node)?.version ?? "";

test("every package that is installed with it takes the oldest Node that it declares", () => {
  expect(oldest).toBe("20.19.0");
  const installed = Object.entries(packages).filter(([, { dev }]) => dev !== true);
  expect(installed.length).toBeGreaterThan(50);
  const refusing = installed.flatMap(([path, { version, engines: { node = "*" } = {} }]) =>
    satisfies(oldest, node) ? [] : [`${path} ${version} needs Node ${node}`],
  );
  expect(refusing).toEqual([]);
});
