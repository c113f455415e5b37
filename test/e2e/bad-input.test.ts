/**
 * What a wrong command line gets: nothing on standard output, one line on standard error that names what is wrong and
 * the nearest right word, and the exit code that says what to do.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import {
  collmNas,
  evaluator,
  type Ended,
  json,
  newRun,
  type Settings,
  temporaryFile,
  temporaryFolder,
} from "../support/cli.ts";

const space = "analognas-baseline";
const cell = "|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|";

/** A run of two evaluations that has ended. */
let ended: string;

beforeAll(async () => {
  ended = newRun();
  const flags = ["--space", space, "--budget", "2", "--evaluator", evaluator.address];
  await json(["run", ...flags, "--out", ended]);
});

/** Splits at blanks, puts in what a file or an address is called, and runs it. */
async function run(line: string, settings?: Settings): Promise<Ended> {
  const words: Record<string, string> = {
    SPACE: space,
    CELL: cell,
    EVALUATOR: evaluator.address,
    ENDED: ended,
  };
  const args = line.split(" ").map((word) => words[word] ?? word.replace(/^'(.*)'$/, "$1"));
  return await collmNas(args, settings);
}

function expectOneLine({ code, stdout, stderr }: Ended, exitCode: number, text: string): void {
  expect(stderr).toContain(text);
  expect(stderr).toMatch(/^collm-nas: [^\n]+\n$/);
  expect(code).toBe(exitCode);
  expect(stdout).toBe("");
}

describe("a wrong word on the command line", () => {
  test.each([
    ["runn", "unknown command 'runn' (Did you mean run?)"],
    ["evalute CELL", "unknown command 'evalute' (Did you mean evaluate?)"],
    ["run --spce SPACE", "unknown option '--spce' (Did you mean --space?)"],
    ["resume ENDED --buget 5", "unknown option '--buget' (Did you mean --budget?)"],
    ["run --space", "'--space <id>' argument missing"],
    ["run", "no space given; name one with --space"],
    ["run a.yaml b.yaml", "too many arguments for 'run'"],
    ["resume", "missing required argument 'run'"],
    ["evaluate CELL", "required option '--space <id>' not specified"],
    ["evaluate CELL --space SPACE --split dev", "It has to be search or test"],
    ["run --space SPACE --budget 0", "--budget <n>' argument '0' is invalid"],
    ["run --space SPACE --budget -5", "--budget <n>' argument '-5' is invalid"],
    ["run --space SPACE --budget ten", "--budget <n>' argument 'ten' is invalid"],
    ["run --space SPACE --budget 1.5", "It has to be a whole number of at least 1"],
    ["run --space SPACE --budget NaN", "--budget <n>' argument 'NaN' is invalid"],
    ["run --space SPACE --rounds 0", "--rounds <n>' argument '0' is invalid"],
    ["run --space SPACE --seed -1", "--seed <n>' argument '-1' is invalid"],
    [
      "run --space SPACE --seed 99999999999999999999",
      "--seed <n>' argument '99999999999999999999' is invalid",
    ],
    ["run --space SPACE --target high", "--target <value>' argument 'high' is invalid"],
    ["run --space SPACE --limit flops_m", "It has to be of the form NAME=VALUE"],
    ["run --space SPACE --model m --price 3", "It has to be input=USD,output=USD"],
    ["estimate --space SPACE --model m --price input=1", "It has to be input=USD,output=USD"],
    ["doctor --space SPACE --model m --price input=1,input=2,output=1", "It has to be input=USD,output=USD"],
    ["resume RUN --price input=-1,output=2", "A price is no less than 0"],
    ["bench PLAN --price input=one,output=2", "It has to be a number"],
    ["run --space SPACE --price input=1,output=2", "none is named; name it with --model"],
    ["run --space SPACE --budget 1 --budget 2", "argument '2' is invalid. Give --budget once."],
    ["resume RUN --model a --model a", "Give --model once."],
    ["run --space SPACE --limit flops_m=few", "flops_m has to be a number alone"],
    ["run --space SPACE --limit flops_m=120M", "flops_m has to be a number alone, in the unit"],
    ["run --space SPACE --limit a=1,b=2", "Give --limit once a cost: --limit a=1 --limit b=2."],
    ["run --space SPACE --cap tokens=1,usd=2", "Give --cap once a cap: --cap tokens=1 --cap usd=2."],
    ["run --space SPACE --cap tokens=2m", "tokens has to be a whole number, such as"],
    ["run --space SPACE --cap usd=5k", "usd has to be a number alone, in US dollars"],
    ["run --space SPACE --cap words=5", 'unknown key "caps.words"'],
    ["run --space SPACE --out ~nobody/x", "write the whole path"],
    ["run --space SPACE --over-limit skp", 'did you mean "skip"?'],
    ["run --space SPACE --equivalent evalute", 'did you mean "evaluate"?'],
    ["run --space SPACE --searcher colm", 'unknown searcher "colm"; they are collm, solo, rules, random, '],
    ["run --space SPACE --searcher collm", "name one with --model NAME and --base-url URL"],
    [
      "run --space SPACE --searcher collm",
      "or with --model gguf:FILE, or search without one: --searcher rules",
    ],
    ["run --space SPACE --searcher solo", 'searcher "solo" asks a language model, and none is named'],
    ["estimate --space SPACE --searcher collm", "or search without one: --searcher rules"],
    ["resume ENDED --model m --budget 99", 'searcher "rules" asks no model: leave --model out'],
    ["run --space SPACE --searcher randon", 'did you mean "random"?'],
    ["run --space SPACE --searcher prior-random", 'add "prior" to the configuration'],
    ["run --space SPACE --evaluator localhost", '"localhost": is not of the form HOST:PORT'],
    ["run --space SPACE --evaluator localhost:99999", '"localhost:99999" is not HOST:PORT'],
    ["run --space SPACE --evaluator EVALUATOR --evaluator-config e.yaml", "--evaluator-config configures"],
    ["run --space SPACE --model m --base-url localhost:8000", '"localhost:8000": is no http(s) address'],
    ["run --space SPACE --base-url http://localhost:8000/v1", "no model named; name one with --model"],
    ["show ENDED --round x", "--round <n>' argument 'x' is invalid"],
    ["show ENDED --round 99", "the run has no round 99; it has 1"],
    ["resume ENDED --budget 1", "--budget 1 is less than the run's budget of 2"],
  ])("%s", async (line, text) => {
    expectOneLine(await run(line), 2, text);
  });
});

describe("a path", () => {
  test.each([
    ["show ~/none", "none"],
    ["report ~/one ~/none", "one"],
    ["run ~/none.yaml", "none.yaml"],
    ["doctor ~/none.yaml --json", "none.yaml"],
    ["bench ~/none.yaml", "none.yaml"],
    ["estimate --from=~/none", "none"],
    ["run --space SPACE --out=~/taken", "taken"],
  ])("has ~ for the own folder: %s", async (line, name) => {
    const home = temporaryFolder();
    mkdirSync(join(home, "taken"));
    writeFileSync(join(home, "taken", "journal.jsonl"), "");
    const { stdout, stderr } = await run(line, { env: { HOME: home } });
    expect(stdout + stderr).toContain(join(home, name));
  });

  test("of what comes with the program is found from any folder, and named where it is almost that", async () => {
    const plan = await run("bench presets/bench/nasbench201-models.yaml");
    expectOneLine(plan, 2, "this plan needs a language model");
    expectOneLine(
      await run("run presets/ofa-250.yaml"),
      2,
      'cannot read presets/ofa-250.yaml: ENOENT; give the path of a YAML file; did you mean "presets/ofa-',
    );
  });
});

describe("a name that the evaluator does not know", () => {
  test.each([
    ["run --space analognas-basline", `has no space "analognas-basline"; it serves ${space}, `],
    ["run --space analognas-basline", `did you mean "${space}"?`],
    ["spaces analognas-pqt", 'did you mean "analognas-ptq"?'],
    [
      "run --space SPACE --limit flop_m=120",
      'has no cost "flop_m"; they are flops_m, params_m; did you mean',
    ],
    ["evaluate CELL --space SPACE --split test", `space ${space} has no split "test"; it has search`],
    ["evaluate {} --space SPACE", `not an architecture of ${space}: `],
    ["evaluate nonsense --space SPACE", "not readable as an architecture"],
    [
      `evaluate ${cell.replace("3x3", "3x4")} --space SPACE`,
      'is "nor_conv_3x4"; choices are none, skip_connect, nor_conv_1x1, nor_conv_3x3, avg_pool_3x3; did you mean',
    ],
  ])("%s", async (line, text) => {
    expectOneLine(await run(`${line} --evaluator EVALUATOR`), 2, text);
  });
});

describe("a configuration file", () => {
  test.each([
    ["a key given twice", "space: a\nspace: b", "keys must be unique at line 2"],
    ["a list at the top", "- space: a", "expected keys and values"],
    ["plain text", "just words", "expected keys and values"],
    ["nothing", "", "no space given"],
    ["broken YAML", 'space: "a', "correct the YAML"],
    ["two documents", "space: a\n---\nspace: b", "correct the YAML"],
    ["an alias of nothing", "space: *a", "alias"],
    ["an unknown key", "space: a\nbudgt: 5", 'unknown key "budgt"; did you mean "budget"?'],
    [
      "an unknown key inside",
      "space: a\nmodel: {name: m, baseURL: u}",
      'unknown key "model.baseURL"; did you mean "baseUrl"?',
    ],
    [
      "an unknown key inside",
      "space: a\nmemory: {navigater: true}",
      'unknown key "memory.navigater"; did you mean "navigator"?',
    ],
    [
      "an unknown key inside",
      "space: a\nevaluator: {adress: h}",
      'unknown key "evaluator.adress"; did you mean "address"?',
    ],
    ["a list for a name", "space: [a]", '"space" is ["a"]'],
    ["null for a name", "space: null", '"space" is null'],
    ["text for a number", 'space: a\nbudget: "ten"', '"budget" is "ten"'],
    ["a budget of 0", "space: a\nbudget: 0", '"budget" is 0'],
    ["a negative budget", "space: a\nbudget: -5", '"budget" is -5'],
    ["no number as budget", "space: a\nbudget: .nan", '"budget" is'],
    ["an endless target", "space: a\ntarget: .inf", '"target" is'],
    ["text for a yes or no", "space: a\nmemory: {navigator: yes}", '"memory.navigator" is "yes"'],
    ["a name for a model", "space: a\nmodel: m", '"model" is "m"'],
    ["a model without a name", "space: a\nmodel: {temperature: 1}", "no model named"],
    ["a temperature of 3", "space: a\nmodel: {name: m, temperature: 3}", '"model.temperature" is 3'],
    ["text for a limit", "space: a\nlimits: {flops_m: few}", '"limits.flops_m" is "few"'],
    ["a number for all limits", "space: a\nlimits: 120", '"limits" is 120'],
    ["a min above its max", "space: a\ncandidates: {min: 5, max: 2}", "has a min above its max"],
    ["half of a range", "space: a\ncandidates: {min: 5}", '"candidates.max" is missing'],
    ["a wrong choice", "space: a\noverLimit: skp", 'did you mean "skip"?'],
    ["a misspelt searcher", "space: a\nsearcher: randm", 'did you mean "random"?'],
    ["a key in an address", "space: a\nmodel: {name: m, keyVariable: a b}", '"model.keyVariable" is "a b"'],
    ["no time to answer", "space: a\nevaluator: {silenceSeconds: 0}", '"evaluator.silenceSeconds" is 0'],
  ])("with %s: %j", async (_what, text, message) => {
    const file = temporaryFile("search.yaml", `${text}\n`);
    const result = await collmNas(["run", file]);
    expectOneLine(result, 2, message);
    if (!message.includes("searcher") && !message.includes("random")) expect(result.stderr).toContain(file);
  });

  test("that is no text", async () => {
    const file = temporaryFile("search.yaml", Uint8Array.from([0xff, 0xfe, 0x00]));
    expectOneLine(await collmNas(["run", file]), 2, file);
  });

  test("that is not there, or is a folder", async () => {
    expectOneLine(await collmNas(["run", "missing.yaml"]), 2, "cannot read missing.yaml");
    const folder = temporaryFolder();
    expectOneLine(await collmNas(["run", folder]), 2, `cannot read ${folder}`);
  });

  test("of the evaluator that is not there, or has a key misspelt", async () => {
    const missing = ["spaces", "--evaluator-config", "missing.yaml"];
    expectOneLine(await collmNas(missing), 2, "missing.yaml cannot be read");
    const file = temporaryFile("evaluator.yaml", "nasbench201: {cvs: a.csv}\n");
    const misspelt = await collmNas(["spaces", "--evaluator-config", file]);
    expectOneLine(
      misspelt,
      2,
      'line 1: unknown key "nasbench201.cvs"; the nearest known key is "nasbench201.csv"',
    );
  });

  test("of the evaluator whose table is not there leaves its spaces listed, with the reason", async () => {
    const file = temporaryFile("evaluator.yaml", "nasbench201: {csv: missing.csv}\n");
    const listed = await collmNas(["spaces", "--evaluator-config", file]);
    expect(listed.code, listed.stderr).toBe(0);
    expect(listed.stdout).toMatch(/^nasbench201-cifar100 +no +there is no file .*missing\.csv/m);
    expect(listed.stdout).toMatch(/^analognas-baseline +yes/m);
    const flags = ["--space", "nasbench201-cifar10", "--evaluator-config", file];
    expectOneLine(await collmNas(["run", ...flags]), 2, "missing.csv");
  });
});

describe("a model", () => {
  test("at OpenAI's own address needs a key, and the variable is named", async () => {
    expectOneLine(await run("run --space SPACE --model gpt --evaluator EVALUATOR"), 2, "set OPENAI_API_KEY");
    const file = temporaryFile("search.yaml", `space: ${space}\nmodel: {name: gpt, keyVariable: MY_KEY}\n`);
    const result = await collmNas(["run", file, "--evaluator", evaluator.address]);
    expectOneLine(result, 2, "set MY_KEY");
  });

  test.each(["user:secret@", "user@"])("takes no password in its address: %s", async (login) => {
    const result = await run(`run --space SPACE --model m --base-url http://${login}localhost:8000/v1`);
    expectOneLine(result, 2, "model.baseUrl holds a password");
    expect(result.stderr).not.toContain("secret");
  });

  test("takes no password in its address from a file either", async () => {
    const text = `space: ${space}\nmodel: {name: m, baseUrl: "http://user:secret@localhost/v1"}\n`;
    const result = await collmNas(["run", temporaryFile("search.yaml", text)]);
    expectOneLine(result, 2, "model.baseUrl holds a password");
    expect(result.stderr).not.toContain("secret");
  });

  test("that is set up wrongly leaves no run behind", async () => {
    const folder = newRun();
    const flags = ["--space", space, "--model", "gpt", "--evaluator", evaluator.address, "--out", folder];
    expect((await collmNas(["run", ...flags])).code).toBe(2);
    expect(existsSync(folder)).toBe(false);
  });
});

describe("an evaluator", () => {
  test("that nobody runs at its address: exit 3 and the address", async () => {
    expectOneLine(
      await run("run --space SPACE --evaluator 127.0.0.1:1"),
      3,
      "evaluator 127.0.0.1:1 is not available",
    );
    expectOneLine(await run("spaces --evaluator 127.0.0.1:1"), 3, "evaluator 127.0.0.1:1 is not available");
  });

  test.each([
    ["/nonexistent/python", 'Python "/nonexistent/python" is not there; run `npm run setup`'],
    ["/bin/true", "the Python evaluator ended with exit code 0"],
  ])("that cannot be started by %s", async (python, text) => {
    expectOneLine(await run("spaces", { env: { COLLM_NAS_PYTHON: python } }), 2, text);
  });

  test("is started by the Python of the set-up where the variable is empty", async () => {
    const result = await run("spaces", { env: { COLLM_NAS_PYTHON: "" } });
    expect(result.code, result.stderr).toBe(0);
  });
});

describe("a run folder", () => {
  test("that holds a run is never overwritten", async () => {
    const journal = () => readFileSync(join(ended, "journal.jsonl"), "utf8");
    const before = journal();
    const result = await run("run --space SPACE --out ENDED --evaluator EVALUATOR");
    expectOneLine(result, 2, "already holds a run");
    expect(result.stderr).toContain(`resume ${ended}`);
    expect(journal()).toBe(before);
  });

  test("that holds anything else is left alone, and so is a file of that name", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "thesis.txt"), "all of it");
    const result = await run(`run --space SPACE --out ${folder} --evaluator EVALUATOR`);
    expectOneLine(result, 2, "is not empty (it holds thesis.txt)");
    expect(readFileSync(join(folder, "thesis.txt"), "utf8")).toBe("all of it");
    const file = join(folder, "thesis.txt");
    expectOneLine(await run(`run --space SPACE --out ${file} --evaluator EVALUATOR`), 2, file);
  });

  describe("for resume, replay and show", () => {
    async function expectRefusal(folder: string, exitCode: number, text: string): Promise<void> {
      const commands = ["resume", "replay", "show"].map((command) => collmNas([command, folder]));
      for (const result of await Promise.all(commands)) expectOneLine(result, exitCode, text);
    }

    test("has to be there and to hold a run", async () => {
      const folder = temporaryFolder();
      await expectRefusal(join(folder, "none"), 2, "there is no run folder");
      await expectRefusal(folder, 2, "holds no run");
      writeFileSync(join(folder, "journal.jsonl"), "");
      await expectRefusal(folder, 2, "nothing was recorded");
    });

    test.each([
      ["a line that is no JSON", 3, (line: string) => line.slice(0, 40)],
      ["a blank line", 3, () => ""],
      ["a line that is gone", 3, () => null],
      [
        "an event of another type",
        3,
        (line: string) => line.replace(/"type":"[a-z-]+"/, '"type":"strategy-sat"'),
      ],
      ["an unknown key", 3, (line: string) => line.replace('"round"', '"extra":1,"round"')],
      ["another format version", 3, (line: string) => line.replace('"v":1', '"v":99')],
      ["another first event", 1, () => null],
      ["bytes that are no text", 2, (line: string) => line.replace("## ", "\xff\xff ")],
    ])("is refused with %s: exit 5 and the number of the line", async (_what, number, change) => {
      const folder = temporaryFolder();
      const path = join(folder, "journal.jsonl");
      const lines = readFileSync(join(ended, "journal.jsonl"), "latin1").split("\n");
      const changed = lines.map((line, index) => (index === number - 1 ? change(line) : line));
      const text = changed.filter((line) => line !== null).join("\n");
      writeFileSync(path, text, "latin1");
      await expectRefusal(folder, 5, `journal.jsonl, line ${number}: `);
      expect(readFileSync(path, "latin1")).toBe(text);
      expect(existsSync(join(folder, "lock"))).toBe(false);
    });
  });

  test("cannot be made below a file", async () => {
    const file = temporaryFile("file", "");
    expectOneLine(await run(`run --space SPACE --out ${file}/run --evaluator EVALUATOR`), 2, `${file}/run`);
  });

  test("may lie in folders that are not there yet", async () => {
    const folder = join(temporaryFolder(), "deep/er/run");
    const flags = ["--budget", "2", "--evaluator", evaluator.address, "--out", folder];
    expect((await json(["run", "--space", space, ...flags])).run).toBe(folder);
  });
});

test("what a shell has set for other Pythons does not reach the evaluator that is started", async () => {
  const foreign = temporaryFolder();
  for (const name of ["grpc", "torch", "sitecustomize", "collm_nas_evaluator"])
    writeFileSync(join(foreign, `${name}.py`), "raise SystemExit('this is another Python's')\n");
  const env = {
    PYTHONPATH: foreign,
    PYTHONHOME: foreign,
    PYTHONSAFEPATH: "1",
    PYTHONINSPECT: "1",
    PYTHONWARNINGS: "error",
    VIRTUAL_ENV: foreign,
  };
  const { code, stdout, stderr } = await collmNas(["spaces", "--json"], { env });
  expect(code, stderr).toBe(0);
  expect(stdout).toContain("analognas-baseline");
});

test("a configuration may come through a pipe of the shell", () => {
  const cli = join(import.meta.dirname, "../../bin/collm-nas");
  const line = `printf 'space: tiny\nbudget: -1\n' | "$1" run /dev/stdin`;
  const { status, stderr } = spawnSync("sh", ["-c", line, "sh", cli], { encoding: "utf8", timeout: 60_000 });
  expect(stderr).toBe('collm-nas: /dev/stdin: "budget" is -1: has to be at least 1\n');
  expect(status).toBe(2);
});

test.each([26, 34])("no more than %i open files are no bug", (most) => {
  const cli = join(import.meta.dirname, "../../dist/cli/main.js");
  const args = ["-c", `ulimit -n ${most}; exec "$@"`, "sh", process.execPath, cli, "spaces"];
  const { status, stderr } = spawnSync("sh", args, { encoding: "utf8", timeout: 60_000 });
  expect(stderr).toMatch(/^collm-nas: cannot \S+ .*too many files are open.*ulimit -n/);
  expect(stderr.trim().split("\n")).toHaveLength(1);
  expect(status).toBe(3);
});
