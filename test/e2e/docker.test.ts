/**
 * What goes into the images, read and held against the tree. docker-build.sweep.test.ts builds the control plane from it.
 *
 * The scripts and the health check of the evaluator's image are python-evaluator/tests/test_docker.py's.
 */
import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { root } from "../support/cli.ts";
import { copies, instructions } from "../support/dockerfile.ts";

const dockerfiles = ["evaluator", "control"] as const;

const read = (path: string) => readFileSync(join(root, path), "utf8");

describe.each(dockerfiles)("docker/%s.Dockerfile", (name) => {
  test("runs nothing but scripts that are here", () => {
    const calls = instructions(name)
      .filter(({ keyword }) => keyword === "RUN")
      .flatMap(({ rest }) => rest.split("&&").map((call) => call.trim()));
    expect(calls.length).toBeGreaterThan(0);
    for (const call of calls) {
      const [, script] = /^(?:\/opt\/collm-nas\/)?(docker\/[a-z-]+\.sh)(?: |$)/.exec(call) ?? [];
      expect(script, call).toBeDefined();
      accessSync(join(root, script as string), constants.X_OK);
    }
  });

  test("copies what is there, and its build context holds that and no more", () => {
    const sources = copies(name).flatMap((copy) => copy.sources.map((source) => source.replace(/\/$/, "")));
    for (const source of sources) expect(existsSync(join(root, source)), source).toBe(true);
    const ignore = read(`docker/${name}.Dockerfile.dockerignore`).split("\n");
    expect(ignore.find((line) => !line.startsWith("#"))).toBe("*");
    const letThrough = ignore.filter((line) => line.startsWith("!")).map((line) => line.slice(1));
    expect(letThrough.toSorted()).toEqual([...new Set(sources)].toSorted());
  });

  test("starts from tags, and ends as a user other than root", () => {
    const lines = instructions(name);
    for (const { keyword, rest } of lines)
      if (keyword === "FROM") expect(rest).toMatch(/^[a-z/]+:[a-z0-9.-]+( AS build)?$/);
    expect(lines.filter(({ keyword }) => keyword === "USER").at(-1)?.rest).toBe("1000:1000");
  });
});

describe("docker/compose.yaml", () => {
  interface Service {
    readonly image: string;
    readonly build?: { readonly context: string; readonly dockerfile: string };
    readonly command?: readonly string[];
    readonly ports?: readonly string[];
    readonly volumes: readonly (
      | string
      | { readonly source: string; readonly target: string; readonly read_only?: boolean }
    )[];
    readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
    readonly healthcheck?: { readonly test: readonly string[] };
    readonly deploy?: {
      readonly resources: {
        readonly reservations: { readonly devices: readonly { capabilities: string[] }[] };
      };
    };
  }
  const text = read("docker/compose.yaml");
  const { services } = parse(text) as { services: Record<string, Service> };
  const { model, evaluator, control } = services as { model: Service; evaluator: Service; control: Service };

  test("is three services, and the search waits until the other two are healthy", () => {
    expect(Object.keys(services)).toEqual(["model", "evaluator", "control"]);
    expect(control.depends_on).toEqual({
      model: { condition: "service_healthy" },
      evaluator: { condition: "service_healthy" },
    });
    expect(evaluator.healthcheck?.test.slice(1)).toEqual(
      JSON.parse(/CMD (\["\/opt.*healthcheck.*\])/.exec(read("docker/evaluator.Dockerfile"))?.[1] ?? ""),
    );
    for (const service of [model, evaluator])
      expect(service.deploy?.resources.reservations.devices).toMatchObject([{ capabilities: ["gpu"] }]);
    for (const service of [evaluator, control])
      expect(
        existsSync(join(root, "docker", service.build?.context ?? "", service.build?.dockerfile ?? "")),
      ).toBe(true);
  });

  test("publishes ports on this machine alone", () => {
    const ports = Object.values(services).flatMap((service) => service.ports ?? []);
    expect(ports.filter((port) => !port.startsWith("127.0.0.1:"))).toEqual([]);
  });

  test("serves the presets' model, and points the search at both services", () => {
    const [name] = model.command ?? [];
    expect(model.command).toContain("--reasoning-parser=qwen3");
    const preset = /presets\/\$\{PRESET:-(.*?)\}\.yaml/.exec(text)?.[1] ?? "";
    const { model: wanted } = parse(read(`presets/${preset}.yaml`)) as { model: { name: string } };
    expect(name).toBe(wanted.name);
    const port = /^--port=(\d+)$/m.exec((model.command ?? []).join("\n"))?.[1];
    expect(control.command).toContain(`--base-url=http://model:${port}/v1`);
    const listen = /"--listen", "0\.0\.0\.0:(\d+)", "--allow-remote"/.exec(
      read("docker/evaluator.Dockerfile"),
    )?.[1];
    expect(control.command).toContain(`--evaluator=evaluator:${listen}`);
    const overrides = (model.command ?? []).find((word) => word.startsWith("--hf-overrides="));
    const { rope_parameters: rope } = JSON.parse(overrides?.replace("--hf-overrides=", "") ?? "{}") as {
      rope_parameters: { factor: number; original_max_position_embeddings: number };
    };
    expect(model.command).toContain(`--max-model-len=${rope.factor * rope.original_max_position_embeddings}`);
  });

  test("mounts data, checkpoints and configuration read-only", () => {
    const binds = evaluator.volumes.filter((volume) => typeof volume === "object");
    expect(binds.map(({ target, read_only: readOnly }) => [target, readOnly])).toEqual([
      ["/etc/collm-nas/evaluator.yaml", true],
      ["/data/imagenet", true],
      ["/checkpoints", true],
    ]);
    expect(existsSync(join(root, "docker", binds[0]?.source ?? ""))).toBe(true);
    expect(evaluator.volumes).toContain("cache:/cache");
    expect(control.volumes).toEqual(["runs:/srv/runs"]);
  });
});
