/**
 * Defines the commands: their arguments, flags and help.
 *
 * Each command loads its own module when it is called, so that help and `--version` are quick.
 */
import { readFileSync } from "node:fs";
import { Argument, Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { cap, draws, limit, number, path, price, split, wholeFrom } from "./flag-values.ts";
import type { Output, Streams } from "./output.ts";
import { printable, type TextStream } from "./style.ts";

/** How a command is carried out. */
export interface Handlers {
  /** Runs one that has something to put away: a signal stops it, and it is waited for. */
  readonly perform: (
    json: boolean | undefined,
    command: (output: Output, signal: AbortSignal) => Promise<void>,
  ) => Promise<void>;
  /** Runs one that has nothing to put away, so that a signal may end the process at once. */
  readonly look: (json: boolean | undefined, command: (output: Output) => Promise<void>) => Promise<void>;
}

/** The commands as a parser of a command line. It throws a CommanderError where commander would end the process. */
export function commands({ stdout, stderr }: Streams, { perform, look }: Handlers): Command {
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
      outputError: (text, write) =>
        write(`collm-nas: ${text.replace(/^error: /, "").replace(/\n\((.*)\)/, " ($1)")}`),
    });

  program
    .command("run")
    .description("search a space for its best architecture within a budget")
    .argument("[file]", "configuration in YAML; flags win over it")
    .option("--space <id>", "the space to search (`collm-nas spaces` lists them)")
    .option(
      "--searcher <name>",
      "rules, collm, solo, random, evolution, regularized-evolution, local-search, reinforce, surrogate, prior-random, costliest-first or portfolio (default: collm where a model is named, else rules)",
    )
    .option("--budget <n>", "how many architectures to evaluate at most (default: 100)", wholeFrom(1))
    .option(
      "--limit <cost=value>",
      "highest allowed cost, e.g. flops_m=120; may be given several times",
      limit,
    )
    .option("--target <value>", "stop once the best is this good", number)
    .option(
      "--rounds <n>",
      "the most rounds (default: 20 for collm, in proportion for budgets above 100; else no limit)",
      wholeFrom(1),
    )
    .option("--seed <n>", "the seed of all randomness (default: 0)", wholeFrom(0))
    .option("--over-limit <what>", "skip or evaluate candidates over a limit (default: skip)")
    .option(
      "--equivalent <what>",
      "evaluate or skip candidates that compute the same function as an earlier one (default: evaluate)",
    )
    .option("--task <sentence>", "what the architectures are for, told to the models")
    .option("--blind", "search under neutral names in another order: shows what a model knows by heart")
    .option("--model <name>", "the language model that plays both roles; without one, written rules search")
    .option("--base-url <url>", "where the model's OpenAI-compatible API is (default: OpenAI's)")
    .option("--max-tokens <n>", "the longest reply in tokens (default: the server's own)", wholeFrom(1))
    .option(
      "--on-truncation <what>",
      "stop, or shorten the conversation, when the server cuts prompts (default: stop)",
    )
    .option(
      "--cap <what=value>",
      "the most that may be used: tokens=…, usd=… or seconds=…; may be given several times",
      cap,
    )
    .option(
      "--price <what=usd>",
      "what a million tokens of the model cost: input=0.1,output=0.3, and cached=… (default: looked up)",
      price,
    )
    .option("--evaluator <host:port>", "a running evaluator; without one, the Python one is started")
    .option("--evaluator-config <file>", "configuration of the evaluator that is started")
    .option("--out <dir>", "the run's folder (default: runs/…)")
    .option("--feed <address>", "publish every event there, e.g. tcp://127.0.0.1:5599")
    .option("--allow-remote", "with --feed: an address that other machines reach")
    .option("--dashboard", "show the run on a page of this machine, and say where")
    .option("--shared", "leave it to the umask who may read the run; without it, nobody else")
    .option("--json", "print one object on standard output and nothing else")
    .addHelpText("after", examples.run)
    .action((file, { json, feed, allowRemote, dashboard, shared, ...flags }) =>
      perform(json, async (output, signal) =>
        (await import("./run.ts")).run(file, flags, { feed, allowRemote, dashboard, shared }, output, signal),
      ),
    );

  program
    .command("resume")
    .description("go on with a run that was stopped, or prolong one that ended")
    .argument("<run>", "the run's folder")
    .option("--budget <n>", "a new, larger budget", wholeFrom(1))
    .option("--rounds <n>", "a new limit on rounds", wholeFrom(1))
    .option("--model <name>", "another model from here on")
    .option("--base-url <url>", "where that model's API is")
    .option("--max-tokens <n>", "its longest reply in tokens", wholeFrom(1))
    .option("--on-truncation <what>", "stop, or shorten the conversation, when the server cuts prompts")
    .option("--cap <what=value>", "a new cap: tokens=…, usd=… or seconds=…", cap)
    .option(
      "--price <what=usd>",
      "what a million tokens of the model cost: input=0.1,output=0.3, and cached=… (default: looked up)",
      price,
    )
    .option("--evaluator <host:port>", "another evaluator from here on")
    .option("--evaluator-config <file>", "another configuration of the evaluator that is started")
    .option("--feed <address>", "publish every event there, e.g. tcp://127.0.0.1:5599")
    .option("--allow-remote", "with --feed: an address that other machines reach")
    .option("--dashboard", "show the run on a page of this machine, and say where")
    .option("--json", "print one object on standard output and nothing else")
    .addHelpText("after", examples.resume)
    .action((run, { json, feed, allowRemote, dashboard, ...flags }) =>
      perform(json, async (output, signal) =>
        (await import("./run.ts")).resume(run, flags, { feed, allowRemote, dashboard }, output, signal),
      ),
    );

  program
    .command("watch")
    .description("follow a run in the terminal, from its folder or from its feed")
    .argument("<run>", "the run's folder, or the address of its feed (tcp://…)")
    .option("--feed <address>", "follow the feed there, and read the folder for what it missed")
    .option("--json", "print every event as one line of JSON on standard output and nothing else")
    .addHelpText("after", examples.watch)
    .action((run, { json, ...flags }) =>
      perform(json, async (output, signal) => (await import("./watch.ts")).watch(run, flags, output, signal)),
    );

  program
    .command("steer")
    .description("have a run wait, go on or stop, or give its Navigator a hint")
    .argument("<run>", "the run's folder")
    .addArgument(
      new Argument("<order>", "what it is to do").choices(["pause", "resume", "stop", "hint"] as const),
    )
    .argument("[text]", "the hint, sent with the next request for a strategy")
    .option("--json", "print one object on standard output and nothing else")
    .addHelpText("after", examples.steer)
    .action((run, order, text, { json }) =>
      look(json, async (output) => (await import("./steer.ts")).steer(run, order, text, output)),
    );

  program
    .command("dashboard")
    .description("a page of this machine with every run of a folder, live")
    .argument("[folder]", "a folder of runs, of benches, or one run (default: runs)")
    .option("--port <n>", "the first port to try (default: 8477)", wholeFrom(0))
    .option("--host <address>", "the address to bind (default: 127.0.0.1)")
    .option("--allow-remote", "with --host: an address that other machines reach")
    .option("--read-only", "let nobody steer runs from the page")
    .option("--json", "print one object on standard output once it is there")
    .addHelpText("after", examples.dashboard)
    .action((folder, { json, ...flags }) =>
      perform(json, async (output, signal) =>
        (await import("./dashboard.ts")).dashboard(folder, flags, output, signal),
      ),
    );

  program
    .command("replay")
    .description("decide every step of a run again from its record, with neither model nor evaluator")
    .argument("<run>", "the run's folder")
    .option("--json", "print one object on standard output and nothing else")
    .addHelpText("after", "\nExample:\n  collm-nas replay runs/NAME")
    .action((run, { json }) => look(json, async (output) => (await import("./run.ts")).replay(run, output)));

  program
    .command("doctor")
    .description("whether a run would work: evaluator, space, data, model, structured output, price")
    .argument("[file]", "the run's configuration in YAML; flags win over it")
    .option("--space <id>", "the space that would be searched")
    .option("--model <name>", "the language model that would play the roles")
    .option("--base-url <url>", "where the model's OpenAI-compatible API is (default: OpenAI's)")
    .option("--max-tokens <n>", "the longest reply in tokens", wholeFrom(1))
    .option("--cap <what=value>", "the caps that the run would have", cap)
    .option("--limit <cost=value>", "the limits that the run would have", limit)
    .option(
      "--price <what=usd>",
      "what a million tokens of the model cost: input=0.1,output=0.3, and cached=… (default: looked up)",
      price,
    )
    .option("--evaluator <host:port>", "a running evaluator; without one, the Python one is started")
    .option("--evaluator-config <file>", "configuration of the evaluator that is started")
    .option("--json", "print one object on standard output and nothing else")
    .addHelpText("after", examples.doctor)
    .action((file, { json, ...flags }) =>
      perform(json, async (output, signal) =>
        (await import("./doctor.ts")).doctor(file, flags, output, signal),
      ),
    );

  program
    .command("estimate")
    .description("what a run will likely take: calls, tokens, money and time")
    .argument("[file]", "the run's configuration in YAML; flags win over it")
    .option("--from <run>", "take it from what an earlier run took; its settings too, where no file is given")
    .option("--tokens-per-second <n>", "what the model writes, for the time without an earlier run", number)
    .option("--space <id>", "the space to search")
    .option("--searcher <name>", "rules, collm, solo or another (default: collm with a model, else rules)")
    .option("--budget <n>", "how many architectures to evaluate at most (default: 100)", wholeFrom(1))
    .option("--rounds <n>", "the most rounds", wholeFrom(1))
    .option("--limit <cost=value>", "highest allowed cost", limit)
    .option("--model <name>", "the language model that plays both roles")
    .option("--base-url <url>", "where the model's OpenAI-compatible API is (default: OpenAI's)")
    .option("--max-tokens <n>", "the longest reply in tokens", wholeFrom(1))
    .option("--cap <what=value>", "caps to hold the estimate against", cap)
    .option(
      "--price <what=usd>",
      "what a million tokens of the model cost: input=0.1,output=0.3, and cached=… (default: looked up)",
      price,
    )
    .option("--evaluator <host:port>", "a running evaluator; without one, the Python one is started")
    .option("--evaluator-config <file>", "configuration of the evaluator that is started")
    .option("--json", "print one object on standard output and nothing else")
    .addHelpText("after", examples.estimate)
    .action((file, { json, from, tokensPerSecond, ...flags }) =>
      perform(json, async (output, signal) =>
        (await import("./estimate.ts")).estimateRun(file, flags, { from, tokensPerSecond }, output, signal),
      ),
    );

  program
    .command("show")
    .description("what a run found, round by round; also while it goes on")
    .argument("<run>", "the run's folder")
    .option("--round <n>", "one round in full: strategy, candidates, what each reply cost", wholeFrom(1))
    .option("--reasoning", "with --round: what the models thought, whole")
    .option("--json", "print one object on standard output and nothing else")
    .addHelpText("after", "\nExamples:\n  collm-nas show runs/NAME\n  collm-nas show runs/NAME --round 3")
    .action((run, { json, round, reasoning }) =>
      look(json, async (output) => (await import("./show.ts")).show(run, { round, reasoning }, output)),
    );

  program
    .command("bench")
    .description("make the runs of a plan, several at a time, and compare them; goes on where it was stopped")
    .argument("<plan>", "the plan in YAML: searchers, spaces, seeds, settings (presets/ has some)")
    .option("--seeds <n>", "so many seeds, from 0, instead of the plan's", wholeFrom(1))
    .option("--budget <n>", "another budget for every run", wholeFrom(1))
    .option("--parallel <n>", "how many runs are under way at once (default: the plan's, or 4)", wholeFrom(1))
    .option("--model <name>", "the language model that plays the roles")
    .option("--base-url <url>", "where the model's OpenAI-compatible API is (default: OpenAI's)")
    .option(
      "--price <what=usd>",
      "what a million tokens of the model cost: input=0.1,output=0.3, and cached=… (default: looked up)",
      price,
    )
    .option("--evaluator <host:port>", "a running evaluator; without one, the Python one is started")
    .option("--evaluator-config <file>", "configuration of the evaluator that is started")
    .option("--out <dir>", "the bench's folder (default: benches/NAME OF THE PLAN)")
    .option("--shared", "leave it to the umask who may read the bench; without it, nobody else")
    .option("--json", "print one object on standard output and nothing else")
    .addHelpText("after", examples.bench)
    .action((file, { json, ...flags }) =>
      perform(json, async (output, signal) =>
        (await import("./bench.ts")).bench(file, flags, output, signal),
      ),
    );

  program
    .command("rank")
    .description(
      "whether a model tells good architectures from bad ones by their structure, beside ranking by cost",
    )
    .argument("[file]", "a configuration as `run` takes it: space, task, seed, structured, model, evaluator")
    .option("--space <id>", "the space; all of it is measured")
    .option("--split <name>", "search or test: the values to rank by", split, "search" as const)
    .option("--model <name>", "the language model that ranks; without one, the costs alone do")
    .option("--base-url <url>", "where the model's OpenAI-compatible API is (default: OpenAI's)")
    .option("--by <cost>", "the only cost to rank by (default: each that the space has)")
    .option("--trials <n>", "how many trials; a later, larger number goes on", wholeFrom(1), 40)
    .option(
      "--cells <n>",
      "how many architectures a trial has, one from each bin of equal count",
      wholeFrom(2),
      10,
    )
    .option("--draws <how>", "fresh for every trial, or fixed: one set for all", draws, "fresh" as const)
    .option("--seed <n>", "the seed of all randomness (default: 0)", wholeFrom(0))
    .option("--task <sentence>", "what the architectures are for, told to the model")
    .option("--evaluator <host:port>", "a running evaluator; without one, the Python one is started")
    .option("--evaluator-config <file>", "configuration of the evaluator that is started")
    .option("--out <file>", "the record, one line a trial; goes on where it ends (default: rankings/…)")
    .option("--shared", "leave it to the umask who may read the record; without it, nobody else")
    .option("--json", "print one object on standard output and nothing else")
    .addHelpText("after", examples.rank)
    .action((file, { json, ...flags }) =>
      perform(json, async (output, signal) => (await import("./rank.ts")).rank(file, flags, output, signal)),
    );

  program
    .command("report")
    .description(
      "put runs together: a page with tables and figures, the same as markdown, or the data behind it",
    )
    .argument("<run...>", "folders of runs, of benches, or full of run folders")
    .option("--out <file>", "the page, in one file (default: report.html, where no other form is asked for)")
    .option("--markdown <file>", "the tables as markdown")
    .option("--csv <dir>", "the data of every table and figure, a CSV file each")
    .option("--json", "print one object on standard output and nothing else")
    .addHelpText("after", examples.report)
    .action((runs, { json, ...flags }) =>
      look(json, async (output) => (await import("./report.ts")).report(runs, flags, output)),
    );

  program
    .command("spaces")
    .description("list the spaces of an evaluator, or describe one")
    .argument("[space]", "the space to describe")
    .option("--evaluator <host:port>", "a running evaluator; without one, the Python one is started")
    .option("--evaluator-config <file>", "configuration of the evaluator that is started")
    .option("--json", "print one object on standard output and nothing else")
    .addHelpText("after", "\nExamples:\n  collm-nas spaces\n  collm-nas spaces analognas-baseline")
    .action((id, { json, ...flags }) =>
      perform(json, async (output, signal) =>
        (await import("./evaluate.ts")).spaces(id, flags, output, signal),
      ),
    );

  program
    .command("evaluate")
    .description("the costs and the score of one architecture")
    .argument("<architecture>", "JSON, or the space's own one-line form")
    .requiredOption("--space <id>", "the space it belongs to")
    .option("--split <name>", "search or test", split, "search" as const)
    .option("--evaluator <host:port>", "a running evaluator; without one, the Python one is started")
    .option("--evaluator-config <file>", "configuration of the evaluator that is started")
    .option("--json", "print one object on standard output and nothing else")
    .addHelpText("after", examples.evaluate)
    .action((raw, { json, space, split: on, ...flags }) =>
      perform(json, async (output, signal) =>
        (await import("./evaluate.ts")).evaluate(raw, space, on, flags, output, signal),
      ),
    );

  for (const command of program.commands) readPaths(command);
  return program;
}

// --- internal ---

const examples = {
  main: `
Examples:
  collm-nas run --space analognas-baseline                      search with written rules, no model needed
  collm-nas run --space analognas-baseline --model qwen3 --base-url http://localhost:8000/v1
  collm-nas show runs/NAME                                      what a run found, round by round
  collm-nas resume runs/NAME --budget 200                       go on with it`,
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

pause takes effect behind the round under way; stop ends the run where it is, to be resumed later.`,
  dashboard: `
Examples:
  collm-nas dashboard
  collm-nas dashboard benches/NAME --port 9000
  collm-nas run --space analognas-baseline --dashboard`,
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

A RUN is a run's folder, a bench's, or one full of run folders. A file that is named is written over where it is an
earlier report; without a name, and in the place of anything else, nothing is.`,
  rank: `
Examples:
  collm-nas rank --space analognas-baseline
  collm-nas rank --space analognas-baseline --model qwen3 --base-url http://localhost:8000/v1
  collm-nas rank --space my-space --evaluator localhost:50051 --split test --draws fixed --out ranking.jsonl`,
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

/** Whatever is called a file, a folder or a run is read as a path. */
function readPaths({ options, registeredArguments }: CommandUnknownOpts): void {
  for (const option of options)
    if (option.parseArg === undefined && /<(?:file|dir|run)>$/.test(option.flags)) option.argParser(path);
  for (const argument of registeredArguments) {
    if (!["file", "plan", "run", "folder"].includes(argument.name())) continue;
    if (argument.variadic)
      argument.argParser((text: string, before: unknown) => [
        ...(Array.isArray(before) ? (before as string[]) : []),
        path(text),
      ]);
    else argument.argParser(path);
  }
}
