/**
 * A whole search with a model in a GGUF file, without a server: of random weights, so that the Navigator says nothing
 * of sense and only the grammar makes the Generator's answers architectures.
 */
import { beforeAll, describe, expect, test } from "vitest";
import {
  collmNas,
  evaluator,
  events,
  json,
  newRun,
  start,
  temporaryFile,
  untilRecorded,
} from "../support/cli.ts";
import { randomGguf, withoutLlama } from "../support/random-gguf.ts";

const missing = await withoutLlama();
if (missing !== null) console.warn(`searches with gguf: ${missing}`);

/** Characters are its tokens, so that its prompts are long. */
const window = 16_384;

let model: string;
beforeAll(async () => {
  model = temporaryFile("random.gguf", randomGguf({ contextTokens: window }));
});

/** The flags of a small search; `generator` are that role's own keys. */
function commandLine(run: string, name: string, generator = ""): string[] {
  const file = temporaryFile(
    "search.yaml",
    `space: analognas-baseline
budget: 4
rounds: 8
candidates: {min: 2, max: 2}
memory: {navigator: false}
wording: concise
promptExtras: false
model:
  name: ${JSON.stringify(name)}
  contextTokens: ${window}
  maxTokens: 400
  roles: {navigator: {maxTokens: 100}, generator: {${generator}}}
`,
  );
  return ["run", file, "--evaluator", evaluator.address, "--out", run];
}

describe.skipIf(missing !== null)(missing ?? "a search with gguf:", () => {
  test("ends with its budget spent, and its record says what was read and written", async () => {
    const run = newRun();
    const summary = await json(commandLine(run, `gguf:${model}`));
    expect(summary.funnel).toMatchObject({ evaluated: 4, illegal: 0, unreadable: 0 });
    expect(summary.models).toEqual({ navigator: "gguf:random.gguf", generator: "gguf:random.gguf" });
    const replies = events(run).filter((event) => event.type === "chat-replied");
    const generator = replies.filter(({ role }) => role === "generator").map(({ reply }) => reply);
    expect(generator.length).toBeGreaterThan(0);
    for (const reply of generator)
      expect(reply).toMatchObject({ outputMode: "json-schema", finishReason: "stop" });
    for (const { reply } of replies) {
      expect(reply.inputTokens).toBeGreaterThan(1_000);
      expect(reply.outputTokens).toBeGreaterThan(0);
    }
    const replayed = await collmNas(["replay", run]);
    expect(replayed.code, replayed.stderr).toBe(0);
  });

  test("keeps a conversation within the file's own window, which nobody had to name", async () => {
    const small = 8_192;
    const file = temporaryFile(
      "search.yaml",
      `space: analognas-baseline
budget: 14
candidates: {min: 2, max: 2}
wording: concise
inform: []
model: {name: ${JSON.stringify(`gguf:${model}`)}, maxTokens: 400, roles: {navigator: {maxTokens: 60}}}
`,
    );
    const run = newRun();
    const ended = await collmNas(["run", file, "--evaluator", evaluator.address, "--out", run]);
    // Random weights may never write what can be read; a prompt that is too long would be the end with 3.
    expect([0, 4], ended.stderr).toContain(ended.code);
    const [begun] = events(run);
    expect(begun).toMatchObject({ search: { bounds: { navigator: { contextTokens: small } } } });
    const anew = events(run).filter((event) => event.type === "chat-replied" && event.condensed === true);
    expect(anew.length).toBeGreaterThan(0);
    expect((await collmNas(["replay", run])).code).toBe(0);
  });

  test("a role may have a model of its own", async () => {
    const other = temporaryFile("other.gguf", randomGguf({ seed: 2, contextTokens: window }));
    const short = ["--budget", "1", "--rounds", "2"];
    const line = commandLine(newRun(), `gguf:${model}`, `name: "gguf:${other}"`);
    const summary = await json([...line, ...short]);
    expect(summary.models).toEqual({ navigator: "gguf:random.gguf", generator: "gguf:other.gguf" });
    expect(summary.funnel.evaluated).toBe(1);
  });

  test("Ctrl-C stops a reply that is being written", async () => {
    const endless = temporaryFile("endless.gguf", randomGguf({ endless: true, contextTokens: window }));
    const run = newRun();
    const file = temporaryFile(
      "search.yaml",
      `space: analognas-baseline\nmodel: {name: "gguf:${endless}", contextTokens: ${window}, maxTokens: 10000}\n`,
    );
    const process = start(["run", file, "--evaluator", evaluator.address, "--out", run]);
    await untilRecorded(run, 1);
    process.interrupt();
    const { code, stderr } = await process.ended;
    expect(code, stderr).toBe(3);
    expect(events(run).some(({ type }) => type === "chat-replied")).toBe(false);
  });

  test("a file that is no model ends the command before a run begins", async () => {
    const path = temporaryFile("model.gguf", "weights");
    const { code, stderr } = await collmNas(commandLine(newRun(), `gguf:${path}`));
    expect(code).toBe(2);
    expect(stderr).toContain("is not a GGUF file");
  });
});
