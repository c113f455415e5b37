/**
 * Configuration files in a folder of their own, and what a model and an evaluator are set to where nothing is said.
 *
 * A test file calls `configFiles()` once, at its top: it removes the folder at the end, and takes back after each test
 * what that changed in the environment.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, vi } from "vitest";
import { type Flags } from "../../src/settings/flags.ts";
import { type ModelConfig, readConfig } from "../../src/settings/config.ts";
import { UsageError } from "../../src/errors.ts";

export interface ConfigFiles {
  readonly folder: string;
  /** The path of a new file. */
  yaml(text: string): string;
  /** What a file and flags that are wrong are refused with, without the path of the file. */
  refusal(text: string | undefined, flags?: Flags): Promise<string>;
}

export function configFiles(): ConfigFiles {
  const folder = mkdtempSync(join(tmpdir(), "collm-nas-config-"));
  let files = 0;

  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  function yaml(text: string): string {
    const path = join(folder, `search${++files}.yaml`);
    writeFileSync(path, text);
    return path;
  }

  async function refusal(text: string | undefined, flags: Flags = {}): Promise<string> {
    const path = text === undefined ? undefined : yaml(text);
    const error: unknown = await readConfig(path, flags).then(
      () => new Error("not refused"),
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(UsageError);
    const { message } = error as UsageError;
    expect(message).not.toContain("\n");
    if (path === undefined) return message;
    expect(message).toContain(path);
    return message.replace(`${path}: `, "");
  }

  return { folder, yaml, refusal };
}

export const usualModel: ModelConfig = {
  name: "qwen3",
  baseUrl: "https://api.openai.com/v1",
  keyVariable: "OPENAI_API_KEY",
  temperature: 0.6,
  topP: null,
  maxTokens: null,
  seed: null,
  contextTokens: null,
  onTruncation: "stop",
  outputMode: null,
  stream: false,
  idleSeconds: 60,
  timeoutSeconds: 600,
  retries: 6,
  headers: {},
  extraBody: {},
  gpu: "off",
  threads: 1,
};
export const usualEvaluator = {
  address: null,
  config: null,
  program: null,
  silenceSeconds: 120,
  patienceSeconds: 120,
};
