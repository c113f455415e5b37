/**
 * Defines the commands: their arguments, flags and help.
 *
 * Each command loads its own module when it is called, so that help and `--version` are quick.
 */
import { readFileSync } from "node:fs";
import {
  Argument,
  Command,
  type CommandUnknownOpts,
  InvalidArgumentError,
} from "@commander-js/extra-typings";
import { homePath, pathRefusal } from "../settings/written-values.ts";
import {
  benchFlags,
  doctorFlags,
  estimateFlags,
  evaluatorFlags,
  rankFlags,
  resumeFlags,
  searchFlags,
} from "../settings/command-flags.ts";
import { act } from "./flags.ts";
import type { Output, Streams } from "./output.ts";
import { printable, type TextStream } from "./style.ts";

/** Who reads what a command prints, and what ends it. */
export interface Manner {
  /** Whether standard output is for one object alone. */
  readonly json: boolean;
  /** Whether it is for the lines of a run, and whether the end of standard input stops the command: a program drives it. */
  readonly events: boolean;
  readonly exitWithStdin: boolean;
}

/** How a command is carried out. */
export interface Handlers {
  /** Runs one that has something to put away: a signal stops it, and it is waited for. */
  readonly perform: (
    manner: Manner,
    command: (output: Output, signal: AbortSignal) => Promise<void>,
  ) => Promise<void>;
  /** Runs one that has nothing to put away, so that a signal may end the process at once. */
  readonly look: (manner: Manner, command: (output: Output) => Promise<void>) => Promise<void>;
}

/** The commands as a parser of a command line. It throws a CommanderError where commander would end the process. */
export function commands({ stdout, stderr }: Streams, handlers: Handlers): Command {
  const program = new Command("collm-nas")
    .description("Neural architecture search on a pre-trained supernet by two cooperating language models.")
    .version(version())
    .addHelpText("after", examples.main)
    .helpCommand(false)
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => stdout.write(printable(text, stdout)),
      writeErr: (text) => stderr.write(printable(text, stderr)),
      getOutHelpWidth: () => widthOf(stdout),
      getErrHelpWidth: () => widthOf(stderr),
      outputError: (text, write) => write(`collm-nas: ${refusalWords(text)}`),
    });

  act(
    program
      .command("run")
      .description("search a space for its best architecture within a budget")
      .argument("[file]", "configuration in YAML; flags win over it")
      .addHelpText("after", examples.run),
    handlers,
    [...searchFlags, "continue", "feed", "allowRemote", "dashboard", "shared", "events", "exitWithStdin"],
    async (
      [file],
      { feed, allowRemote, dashboard, shared, continue: mayContinue, ...flags },
      output,
      signal,
    ) =>
      (await import("./run.ts")).run(
        file,
        flags,
        { feed, allowRemote, dashboard, shared, continue: mayContinue },
        output,
        signal,
      ),
  );

  act(
    program
      .command("resume")
      .description("continue a run that was stopped, or prolong one that ended; a flag holds from here on")
      .argument("<run>", "the run's folder")
      .addHelpText("after", examples.resume),
    handlers,
    [...resumeFlags, "feed", "allowRemote", "dashboard", "events", "exitWithStdin"],
    async ([run], { feed, allowRemote, dashboard, ...flags }, output, signal) =>
      (await import("./run.ts")).resume(run, flags, { feed, allowRemote, dashboard }, output, signal),
    { hasDefaults: false },
  );

  act(
    program
      .command("watch")
      .description("follow a run in the terminal, from its folder or from its feed")
      .argument("<run>", "the run's folder, or the address of its feed (tcp://…)")
      .addHelpText("after", examples.watch),
    handlers,
    ["feed"],
    async ([run], flags, output, signal) => (await import("./watch.ts")).watch(run, flags, output, signal),
    {
      help: {
        feed: "follow the feed there, and read the folder for what it missed",
        json: "print every event as one line of JSON on standard output and nothing else",
      },
    },
  );

  act(
    program
      .command("steer")
      .description("pause a run, let it continue, stop it, or give its Navigator a hint")
      .argument("<run>", "the run's folder")
      .addArgument(
        new Argument("<order>", "what the run does").choices(["pause", "resume", "stop", "hint"] as const),
      )
      .argument("[text]", "the hint, sent with the next request for a strategy")
      .addHelpText("after", examples.steer),
    handlers,
    [],
    async ([run, order, text], _flags, output) =>
      (await import("./steer.ts")).steer(run, order, text, output),
    { isBrief: true },
  );

  act(
    program
      .command("dashboard")
      .description("show every run of a folder on a live page of this machine")
      .argument("[folder]", "a folder of runs, of benches, or one run (default: runs)")
      .addHelpText("after", examples.dashboard),
    handlers,
    ["port", "host", "allowRemote", "readOnly"],
    async ([folder], flags, output, signal) =>
      (await import("./dashboard.ts")).dashboard(folder, flags, output, signal),
    { help: { json: "print one object on standard output once it is there" } },
  );

  act(
    program
      .command("replay")
      .description("check a run: decide every step again from its record, without model and evaluator")
      .argument("<run>", "the run's folder")
      .addHelpText("after", "\nExample:\n  collm-nas replay runs/NAME"),
    handlers,
    [],
    async ([run], _flags, output) => (await import("./run.ts")).replay(run, output),
    { isBrief: true },
  );

  act(
    program
      .command("setup")
      .description("install the Python evaluator beside the npm package, among the user's data")
      .addHelpText("after", examples.setup),
    handlers,
    ["tables", "supernets"],
    async (_args, flags, output, signal) => (await import("./setup.ts")).setup(flags, output, signal),
  );

  act(
    program
      .command("doctor")
      .description("check whether a run would work: evaluator, space, data, model, structured output, price")
      .argument("[file]", "the run's configuration in YAML; flags win over it")
      .addHelpText("after", examples.doctor),
    handlers,
    doctorFlags,
    async ([file], flags, output, signal) =>
      (await import("./doctor.ts")).doctor(file, flags, output, signal),
  );

  act(
    program
      .command("estimate")
      .description("estimate what a run takes: calls, tokens, money and time")
      .argument("[file]", "the run's configuration in YAML; flags win over it")
      .addHelpText("after", examples.estimate),
    handlers,
    ["from", "tokensPerSecond", ...estimateFlags],
    async ([file], { from, tokensPerSecond, ...flags }, output, signal) =>
      (await import("./estimate.ts")).estimateRun(file, flags, { from, tokensPerSecond }, output, signal),
  );

  act(
    program
      .command("show")
      .description("show what a run found, round by round; also while it runs")
      .argument("<run>", "the run's folder")
      .addHelpText("after", "\nExamples:\n  collm-nas show runs/NAME\n  collm-nas show runs/NAME --round 3"),
    handlers,
    ["round", "reasoning", "lines"],
    async ([run], flags, output) => (await import("./show.ts")).show(run, flags, output),
    { isBrief: true },
  );

  act(
    program
      .command("bench")
      .description(
        "make the runs of a plan, several at a time, and compare them; continues where it was stopped",
      )
      .argument("<plan>", "the plan in YAML: searchers, spaces, seeds, settings (presets/ has some)")
      .addHelpText("after", examples.bench),
    handlers,
    [...benchFlags, "shared"],
    async ([file], flags, output, signal) => (await import("./bench.ts")).bench(file, flags, output, signal),
    {
      help: {
        budget: "another budget for every run",
        limits: "another limit for every run, such as flops_m=120",
        "plan.parallel": "how many runs are under way at once (default: the plan's, or 4)",
      },
    },
  );

  act(
    program
      .command("rank")
      .description("test whether a model can rank architectures by their structure, next to ranking by cost")
      .argument(
        "[file]",
        "a configuration as `run` takes it: space, task, seed, structured, model, evaluator",
      )
      .addHelpText("after", examples.rank),
    handlers,
    rankFlags,
    async ([file], flags, output, signal) => (await import("./rank.ts")).rank(file, flags, output, signal),
    {
      help: {
        space: "the space; all of it is measured",
        "model.name": "the language model that ranks; without one, the costs alone do",
      },
    },
  );

  act(
    program
      .command("report")
      .description("compare runs: a page of tables and figures, the same as markdown, or its data as CSV")
      .argument("<run...>", "folders of runs, of benches, or full of run folders")
      .addHelpText("after", examples.report),
    handlers,
    ["page", "markdown", "csv"],
    async ([runs], flags, output) => (await import("./report.ts")).report(runs, flags, output),
    { isBrief: true },
  );

  act(
    program
      .command("spaces")
      .description("list the spaces of an evaluator, or describe one")
      .argument("[space]", "the space to describe")
      .addHelpText("after", "\nExamples:\n  collm-nas spaces\n  collm-nas spaces analognas-baseline"),
    handlers,
    evaluatorFlags,
    async ([id], flags, output, signal) => (await import("./evaluate.ts")).spaces(id, flags, output, signal),
  );

  act(
    program
      .command("evaluate")
      .description("measure the costs and the score of one architecture")
      .argument("<architecture>", "JSON, or the space's own one-line form")
      .addHelpText("after", examples.evaluate),
    handlers,
    ["space", "split", ...evaluatorFlags],
    async ([raw], { space = "", split, ...flags }, output, signal) =>
      (await import("./evaluate.ts")).evaluate(raw, space, split, flags, output, signal),
    { help: { space: "the space it belongs to" }, required: ["space"] },
  );

  act(
    program
      .command("conform")
      .description("check whether an evaluator keeps the contract, in whatever language it is written")
      .argument("<address>", "where it listens, as HOST:PORT")
      .addHelpText("after", examples.conform),
    handlers,
    ["space", "evaluations"],
    async ([address], flags, output, signal) =>
      (await import("./conform.ts")).conform(address, flags, output, signal),
    { help: { space: "the only space to check; without it, every available one" } },
  );

  act(
    program
      .command("schema")
      .description("print the keys of search.yaml or plan.yaml as JSON Schema, from which editors complete")
      .addArgument(
        new Argument("[file]", "which of the two")
          .choices(["search", "plan"] as const)
          .default("search" as const),
      )
      .addHelpText("after", examples.schema),
    handlers,
    [],
    async ([name], _flags, output) => (await import("./schema.ts")).schema(name, output),
    { isBrief: true },
  );

  for (const command of program.commands) readPaths(command);
  return program;
}

/** What is wrong with a command line, in our form. */
export function refusalWords(text: string): string {
  return text.replace(/^error: /, "").replace(/\n\((.*)\)/, " ($1)");
}

// --- internal ---

const examples = {
  main: `
Examples:
  collm-nas run --space analognas-baseline                      search with written rules, no model needed
  collm-nas run --space analognas-baseline --model qwen3 --base-url http://localhost:8000/v1
  collm-nas show runs/NAME                                      what a run found, round by round
  collm-nas resume runs/NAME --budget 200                       continue it`,
  run: `
Examples:
  collm-nas run --space analognas-baseline
  collm-nas run --space analognas-baseline --searcher random --seed 3 --json
  collm-nas run --space analognas-baseline --limit flops_m=120 --target 93.5
  collm-nas run search.yaml --budget 50
  collm-nas run --space my-space --evaluator localhost:50051 --model qwen3 --base-url http://localhost:8000/v1

FILE is YAML with the long names of these flags and more; docs/reference/configuration.md lists every key.`,
  resume: `
Examples:
  collm-nas resume runs/NAME
  collm-nas resume runs/NAME --budget 200
  collm-nas resume runs/NAME --model qwen3 --base-url http://localhost:8001/v1`,
  watch: `
Examples:
  collm-nas watch runs/NAME
  collm-nas watch tcp://127.0.0.1:5599
  collm-nas watch runs/NAME --feed tcp://127.0.0.1:5599`,
  steer: `
Examples:
  collm-nas steer runs/NAME pause
  collm-nas steer runs/NAME resume
  collm-nas steer runs/NAME hint "the third slot has not been tried with skip connections"
  collm-nas steer runs/NAME stop

pause takes effect after the current round. stop ends the run at once; the command resume continues it.`,
  dashboard: `
Examples:
  collm-nas dashboard
  collm-nas dashboard benches/NAME --port 9000
  collm-nas run --space analognas-baseline --dashboard`,
  setup: `
Examples:
  npx collm-nas setup
  npx collm-nas setup --supernets

It makes $XDG_DATA_HOME/collm-nas/python-VERSION (default: ~/.local/share/collm-nas) with Python 3.11 or newer, and says
what it does first. A second call only adds what is missing. In a checkout, \`npm run setup\` makes .venv instead.`,
  doctor: `
Examples:
  collm-nas doctor --space analognas-baseline
  collm-nas doctor --space analognas-baseline --model qwen3 --base-url http://localhost:8000/v1
  collm-nas doctor search.yaml --json

It asks the model for one strategy, one list of architectures and one word of a long prompt, and says what that took.`,
  estimate: `
Examples:
  collm-nas estimate --space analognas-baseline --model gpt-5-mini --max-tokens 4000
  collm-nas estimate search.yaml --budget 250 --from runs/NAME
  collm-nas estimate --from runs/NAME --cap usd=2`,
  bench: `
Examples:
  collm-nas bench presets/bench/analognas.yaml
  collm-nas bench plan.yaml --seeds 3 --budget 20
  collm-nas bench plan.yaml --model qwen3 --base-url http://localhost:8000/v1

docs/guides/benches.md explains the keys of a plan. Runs that are finished are not made again.`,
  report: `
Examples:
  collm-nas report benches/NAME --out report.html
  collm-nas report runs/one runs/two --markdown report.md
  collm-nas report runs --out report.html --csv report-data

A RUN is a run's folder, a bench's, or one full of run folders. A named file replaces an
earlier report. No other file is written over.`,
  rank: `
Examples:
  collm-nas rank --space analognas-baseline
  collm-nas rank --space analognas-baseline --model qwen3 --base-url http://localhost:8000/v1
  collm-nas rank --space my-space --evaluator localhost:50051 --split test --draws fixed --out ranking.jsonl`,
  conform: `
Examples:
  collm-nas conform localhost:50051
  collm-nas conform localhost:50051 --space my-space --evaluations 5

Each line of the answer is one thing that falls short, with the sentence of the contract. The exit code is 0 if nothing
does, 5 if something does, and 3 if no evaluator answers there.`,
  schema: `
Examples:
  collm-nas schema search > search.schema.json
  collm-nas schema plan > plan.schema.json

In an editor with YAML support, begin search.yaml with: # yaml-language-server: $schema=search.schema.json`,
  evaluate: `
Examples:
  collm-nas evaluate '|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|' --space analognas-baseline
  collm-nas evaluate '{"r": 224, "d": [4, 4, 4, 4, 4], …}' --space my-space --evaluator localhost:50051 --split test`,
};

function version(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

/** How wide help is where no terminal says it. */
const usualWidth = 80;

function widthOf({ isTTY, columns = usualWidth }: TextStream): number {
  return isTTY === true ? columns : usualWidth;
}

/** Arguments that are called a file, a plan, a folder or a run are read as paths. */
function readPaths({ registeredArguments }: CommandUnknownOpts): void {
  for (const argument of registeredArguments) {
    if (argument.argChoices !== undefined || !["file", "plan", "run", "folder"].includes(argument.name()))
      continue;
    if (argument.variadic)
      argument.argParser((text: string, before: unknown) => [
        ...(Array.isArray(before) ? (before as string[]) : []),
        path(text),
      ]);
    else argument.argParser(path);
  }
}

function path(text: string): string {
  const refusal = pathRefusal(text);
  if (refusal !== null) throw new InvalidArgumentError(`It ${refusal}.`);
  return homePath(text);
}
