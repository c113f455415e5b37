/**
 * Nothing that a terminal obeys reaches it, from whatever field of whatever event or message it comes.
 *
 * The events are made from their schemas and the messages from the contract: what either gains is swept by itself.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SpaceDescription as WireSpace } from "../../src/evaluator/contract/collm_nas/v1/SpaceDescription.ts";
import { loadContract } from "../../src/evaluator/load-contract.ts";
import { journalPath } from "../../src/runs/run-folder.ts";
import { BenchView } from "../../src/cli/bench-view.ts";
import { doctor } from "../../src/cli/doctor.ts";
import { estimateRun } from "../../src/cli/estimate.ts";
import { evaluate, spaces } from "../../src/cli/evaluate.ts";
import { LiveView } from "../../src/cli/live-view.ts";
import { openOutput, type Output } from "../../src/cli/output.ts";
import { rank } from "../../src/cli/rank.ts";
import { report } from "../../src/cli/report.ts";
import { show } from "../../src/cli/show.ts";
import { paint, printable } from "../../src/cli/style.ts";
import { plain, plainJson } from "../../src/text/plain.ts";
import { watch } from "../../src/cli/watch.ts";
import { WatchedRun } from "../../src/cli/watched-run.ts";
import { parseConfig } from "../../src/settings/config.ts";
import * as errors from "../../src/errors.ts";
import { bodyOf, eventBodySchema } from "../../src/search/events.ts";
import { Space } from "../../src/search/space.ts";
import { fold } from "../../src/search/fold.ts";
import type { RunState } from "../../src/search/state.ts";
import { type GrpcServer, refusal, startGrpcServer } from "../support/grpc-server.ts";
import { description, hostileRecord, structure } from "../support/hostile-record.ts";
import {
  forbidden,
  forbiddenIn,
  hostile,
  hostileMessage,
  type MessageType,
  type Overrides,
} from "../support/hostile-text.ts";
import { keptStreams } from "../support/streams.ts";

const folder = mkdtempSync(join(tmpdir(), "collm-nas-terminal-"));
const never = new AbortController().signal;

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const events = hostileRecord(false);
const [run, blindRun] = [events, hostileRecord(true)].map((each, at) => {
  const path = join(folder, `run${at} ${[...forbidden].slice(1).join("")}`);
  mkdirSync(path);
  writeFileSync(journalPath(path), each.map((event) => `${JSON.stringify(event)}\n`).join(""));
  return path;
}) as [string, string];
const first = [...new Space(description).all()][0]?.text ?? "";

// ----- What reaches the terminal -----

/** Everything that is printed on both streams while `work` runs, which may end with an error of ours. */
async function printed(
  work: (output: Output) => Promise<void> | void,
  json = false,
  streams = keptStreams(),
): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const output = openOutput(json, streams);
  try {
    await work(output);
  } catch (error) {
    if (!(error instanceof errors.CollmError)) throw error;
    output.error(error);
  }
  return streams.text();
}

/** It was shown, and not obeyed. */
function expectHarmless(text: string): void {
  expect(forbiddenIn(text)).toEqual([]);
  expect(text).toContain("sible");
}

/** Runs a command for a person and for a program; gives back what the person is told. */
async function expectHarmlessCommand(command: (output: Output) => Promise<void>): Promise<string> {
  const forPerson = await printed(command);
  expect(forbiddenIn(forPerson.stdout + forPerson.stderr)).toEqual([]);
  const forProgram = await printed(command, true);
  expect(forbiddenIn(forProgram.stdout + forProgram.stderr)).toEqual([]);
  if (forProgram.stdout !== "") expect(JSON.parse(forProgram.stdout)).toBeTypeOf("object");
  expect(forPerson.stdout === "").toBe(forProgram.stdout === "");
  return forPerson.stdout + forPerson.stderr;
}

/** A terminal with or without colours that keeps what it is sent. */
function terminal(isTTY: boolean): { stream: NodeJS.WriteStream; text: () => string } {
  let text = "";
  const stream = {
    isTTY,
    columns: 80,
    hasColors: () => true,
    write: (more: string) => {
      text += more;
      return true;
    },
    on: () => stream,
    once: () => stream,
    removeListener: () => stream,
    cursorTo: () => true,
    moveCursor: () => true,
    clearLine: () => true,
  };
  return { stream: stream as unknown as NodeJS.WriteStream, text: () => text };
}

/** The codes of our own: colours, and what the bar moves with. */
const ownCodes = new RegExp(
  ["\\[(?:0|1|2|22|31|32|33|39)m", "\\[\\??[0-9]*[AGHJKhl]", "\\[[0-9;]+H", "7", "8"]
    .map((code) => `\u001b${code}`)
    .concat("\r")
    .join("|"),
  "g",
);

// ----- The filter -----

describe("text from elsewhere", () => {
  it("loses what is not seen, keeps the rest, and has no second meaning", () => {
    expect(plain(hostile)).toMatch(/^vi\]52;c;aGk=\[2J\[31m8m +sible$/);
    expect(plain("one\r\ntwo\tthree – ü 😀 日本")).toBe("one\ntwo\tthree – ü 😀 日本");
    const text = fc
      .array(fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom(...forbidden)))
      .map((all) => all.join(""));
    fc.assert(
      fc.property(text, (any) => {
        const shown = plain(any);
        expect(forbiddenIn(shown)).toEqual([]);
        expect(plain(shown)).toBe(shown);
      }),
    );
  });

  it("is the same value in JSON, which holds none of it as it stands", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.json(), fc.constantFrom(...forbidden, hostile))), (value) => {
        const json = plainJson(JSON.stringify(value));
        expect(forbiddenIn(json)).toEqual([]);
        expect(JSON.parse(json)).toEqual(value);
      }),
    );
    expect(plainJson('{"a":\t1}\r')).toBe('{"a":\t1} ');
  });

  it("gets no colour but the one that it is painted in", () => {
    const [colours, plainly] = [terminal(true).stream, terminal(false).stream];
    const painted = paint("red", hostile);
    expect(printable(painted, colours)).toBe(`\u001b[31m${plain(hostile)}\u001b[39m`);
    expect(printable(painted, plainly)).toBe(plain(hostile));
    // What was printed once can be repeated by others, and is nothing then.
    expect(printable(printable(painted, colours), colours)).toBe(`[31m${plain(hostile)}[39m`);
  });
});

it("is printed through the filter alone", () => {
  const sources = readdirSync("src", { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.startsWith("dashboard/page"))
    .map((name) => [name, readFileSync(join("src", name), "utf8")] as const);
  const writes = sources.flatMap(([name, text]) =>
    [...text.matchAll(/(?:\bstdout|\bstderr|#out)\.write\((.*)/g)].map(([, what = ""]) => `${name}: ${what}`),
  );
  const filtered = /printable\(|plainJson\(|\$\{text\}|^cli\/main\.ts: "",/;
  expect(writes.filter((line) => !filtered.test(line))).toEqual([]);
  expect(writes.length).toBeGreaterThan(8);
  expect(sources.filter(([, text]) => /\bconsole\.\w+\(/.test(text))).toEqual([]);
  const [global, ...others] = sources.filter(([, text]) => /\bprocess\.std(?:out|err|in)\b/.test(text));
  expect(global?.[0]).toBe("cli/main.ts");
  expect(others).toEqual([]);
});

// ----- Every field of every event -----

describe("a record in which every text is hostile", () => {
  it("holds every event there is, and is a record", () => {
    expect(new Set(events.map(({ type }) => type)).size).toBe(eventBodySchema.options.length);
    for (const event of events) expect(eventBodySchema.safeParse(bodyOf(event)).success).toBe(true);
  });

  it.each([{}, { round: 1, reasoning: true }, { round: 2 }])("is shown harmless: %j", async (options) => {
    for (const path of [run, blindRun])
      expect(await expectHarmlessCommand((output) => show(path, options, output))).toMatch(
        /^(?!collm-nas:).*sible/s,
      );
  });

  it("is shown harmless on a terminal with colours", async () => {
    const colours = keptStreams({ isTTY: true, columns: 80, hasColors: () => true });
    const { stdout } = await printed((output) => show(run, {}, output), false, colours);
    expect(stdout).toContain("\u001b[1m");
    expect(stdout).not.toContain("\u001b[31m");
    expectHarmless(stdout.replace(ownCodes, ""));
  });

  it("is reported and estimated from harmless", async () => {
    const missing = join(folder, hostile.replaceAll("\0", ""));
    await expectHarmlessCommand((output) =>
      report([run, blindRun], { out: join(folder, "report.html") }, output),
    );
    await expectHarmlessCommand((output) => report([missing], { out: join(folder, "none.html") }, output));
    await expectHarmlessCommand((output) => estimateRun(undefined, {}, { from: run }, output, never));
  });

  it("is watched harmless", async () => {
    for (const json of [false, true]) {
      const { stdout, stderr } = await printed((output) => watch(run, {}, output, never), json);
      expect(forbiddenIn(stdout + stderr)).toEqual([]);
      expect(stdout + stderr).toContain("sible");
      if (json)
        expect(
          stdout
            .trim()
            .split("\n")
            .map((line) => JSON.parse(line) as unknown),
        ).toEqual(events);
    }
  });

  it("is watched harmless where lines are missing", async () => {
    const lines = events.map((event) => ({ event, text: JSON.stringify(event) }));
    const { stderr } = await printed(async (output) => {
      const watched = new WatchedRun(output);
      watched.begin();
      watched.continueWithout(hostile);
      await watched.show(lines);
      watched.restart(hostile);
      watched.end();
    });
    expectHarmless(stderr);
  });

  it.each([false, true])("is drawn harmless as it goes on, on a terminal: %j", (isTTY) => {
    const { stream, text } = terminal(isTTY);
    let seconds = 0;
    const view = new LiveView(stream, () => (seconds += 40));
    view.begin(fold(events.slice(0, 1)) as RunState);
    for (const [at, event] of events.entries()) {
      if (at === 0) continue;
      view.observe({ kind: "recorded", event, state: fold(events.slice(0, at + 1)) as RunState });
      view.observe({ kind: "waiting", seconds: 1, reason: hostile });
      view.observe({ kind: "asking", role: "generator", attempt: 2 });
      const progress = {
        split: "search",
        text: first,
        place: 1,
        of: 2,
        fraction: 0.5,
        note: hostile,
      } as const;
      view.observe({ kind: "progress", ...progress });
    }
    view.end();
    expectHarmless(text().replace(ownCodes, ""));
  });

  it("is told harmless by a bench", () => {
    for (const isTTY of [false, true]) {
      const { stream, text } = terminal(isTTY);
      const config = parseConfig({ space: hostile, searcher: "random" }, "");
      const planned = { label: hostile, isControl: false, config, folder: hostile };
      const view = new BenchView(stream, [planned]);
      view.observe(planned, { kind: "waiting", seconds: 1, reason: hostile });
      view.failed(planned, hostile);
      view.fruitless(planned, hostile);
      view.say(hostile);
      view.end();
      expectHarmless(text().replace(ownCodes, ""));
    }
  });
});

// ----- Every field of every message -----

describe("an evaluator whose every text is hostile", () => {
  const contract = loadContract() as unknown as Readonly<Record<string, { readonly type: MessageType }>>;
  const typeOf = (name: string): MessageType => {
    const found = contract[name.split(".").at(-1) ?? ""];
    if (found === undefined) throw new Error(`the contract has no ${name}`);
    return found.type;
  };
  const message = (name: string, overrides: Overrides = {}) =>
    hostileMessage(typeOf(name), typeOf, overrides);
  let honest: GrpcServer;
  let failing: GrpcServer;

  beforeAll(async () => {
    const wire = message("SpaceDescription", { ...structure, name: "name" });
    // Names are of letters; what is in groups and choices may be anything.
    const space = { ...wire, splits: description.splits } as unknown as WireSpace;
    const summary = { id: hostile, summary: hostile };
    const list = {
      spaces: [
        { ...summary, available: true },
        { ...message("SpaceSummary"), id: `${hostile} 2`, available: false },
      ],
      serverVersion: hostile,
    };
    honest = await startGrpcServer({
      ListSpaces: (_call, done) => done(null, list),
      DescribeSpace: ({ request: { spaceId } }, done) =>
        spaceId === hostile ? done(null, { space }) : done(refusal(status.NOT_FOUND, hostile)),
      MeasureCost: ({ request }, done) =>
        done(null, {
          costs: request.architectures.map((architecture) => message("ArchitectureCost", { architecture })),
        }),
      Evaluate: (call) => {
        for (const [index, architecture] of call.request.architectures.entries()) {
          call.write({ progress: message("Progress", { index, fraction: 0.5 }) });
          const failure = { kind: "CRASHED", message: hostile } as const;
          const measurement = { metrics: { name: index + 1, [hostile]: 1 }, seconds: 1 };
          const isOne = call.request.architectures.length === 1;
          call.write({ outcome: { index, architecture, ...(isOne ? { failure } : { measurement }) } });
        }
        call.end();
      },
    });
    const refused = refusal(status.INTERNAL, hostile);
    failing = await startGrpcServer({
      ListSpaces: (_call, done) => done(refused),
      DescribeSpace: (_call, done) => done(null, { space: { ...space, id: `${hostile} other` } }),
    });
  });
  afterAll(() => Promise.all([honest.kill(), failing.kill()]));

  it.each([
    ["spaces", (flags) => (output) => spaces(undefined, flags, output, never)],
    ["a space", (flags) => (output) => spaces(hostile, flags, output, never)],
    ["a space that is none", (flags) => (output) => spaces("other", flags, output, never)],
    ["evaluate", (flags) => (output) => evaluate(first, hostile, "search", flags, output, never)],
    [
      "evaluate of none",
      (flags) => (output) => evaluate(`{"${hostile}": 1}`, hostile, "test", flags, output, never),
    ],
    ["rank", (flags) => (output) => rank(undefined, { ...rankFlags(), ...flags }, output, never)],
    [
      "estimate",
      (flags) => (output) => estimateRun(undefined, { space: hostile, ...flags }, {}, output, never),
    ],
    ["doctor", (flags) => (output) => doctor(undefined, { space: hostile, ...flags }, output, never)],
  ] satisfies [string, (flags: { evaluator: string }) => (output: Output) => Promise<void>][])(
    "is harmless to %s",
    async (_name, command) => {
      for (const { address } of [honest, failing])
        await expectHarmlessCommand(command({ evaluator: address }));
    },
  );

  let ranked = 0;
  function rankFlags() {
    ranked += 1;
    const out = join(folder, `ranking-${ranked}.jsonl`);
    return { space: hostile, split: "search", trials: 1, cells: 2, draws: "fresh", out } as const;
  }
});

// ----- Errors -----

describe("an error", () => {
  const named = Object.values(errors).filter((each) => each !== errors.CollmError) as unknown as (new (
    words: string,
  ) => Error)[];

  it.each(named)("of every name is one harmless line", async (Named) => {
    const { stderr } = await printed((output) =>
      output.error(new Named(`${hostile}\nmore`), `resume ${hostile}`),
    );
    expectHarmless(stderr);
    expect(stderr.split("\n")).toHaveLength(2);
  });

  it("that is a bug keeps its lines and is harmless too", async () => {
    const { stderr } = await printed((output) => output.error(new Error(hostile)));
    expectHarmless(stderr);
    expect(stderr.split("\n").length).toBeGreaterThan(3);
  });
});
