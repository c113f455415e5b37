/**
 * The live feed, measured: what publishing costs, that nobody misses a line in the end, and what a run loses by it.
 *
 * Owns twenty subscribers, each a process of its own, two of them frozen. Needs dist/.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setImmediate as nextTurn, setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createRun } from "../dist/runs/journal.js";
import { openFeed } from "../dist/runs/live-feed.js";
import { startPythonEvaluator } from "../dist/evaluator/python-evaluator.js";
import { systemClock } from "../dist/system/clock.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const never = new AbortController().signal;
const subscribers = 20;
const frozen = 2;
const median = (values) => [...values].sort((first, second) => first - second)[Math.floor(values.length / 2)];

/** The rows of all three measurements; what is written goes into `scratch`. */
export async function feedRows(scratch) {
  const evaluator = await startPythonEvaluator(
    { python: join(root, ".venv/bin/python"), configFile: null, packageRoot: root },
    never,
  );
  try {
    const folder = join(scratch, "fed");
    await run(evaluator.address, folder);
    const lines = readFileSync(join(folder, "journal.jsonl"), "utf8").trimEnd().split("\n");
    return [
      await costRow(lines),
      ...(await completeRows(lines, join(scratch, "long"))),
      await wallRow(evaluator.address, scratch),
    ];
  } finally {
    await evaluator.stop();
  }
}

/** What an event costs the run: sockets' own threads included, subscribers' processes not. */
async function costRow(lines) {
  const count = 10_000;
  const feed = await openFeed("tcp://127.0.0.1:*", { allowRemote: false });
  const audience = await gather(feed.address, () => feed.publish("bench", lines.slice(0, 1)));
  try {
    freeze(audience);
    await wait(500);
    const before = process.cpuUsage();
    for (let place = 0; place < count; place += 5) {
      feed.publish(
        "bench",
        Array.from({ length: 5 }, (_, index) => lines[(place + index) % lines.length]),
      );
      await nextTurn();
    }
    // Until what was published has left.
    await wait(3_000);
    const { user, system } = process.cpuUsage(before);
    return [
      `CPU of publishing an event to ${subscribers} subscribers, ${frozen} of them frozen (${count} lines of a real record)`,
      `${((user + system) / 1000 / count).toFixed(3)} ms`,
      "under 0.2 ms",
    ];
  } finally {
    dismiss(audience);
    await feed.close();
  }
}

/** A record that grows faster than frozen subscribers' queues hold: what does each have in the end? */
async function completeRows(lines, folder) {
  const count = 16_000;
  const feed = await openFeed("tcp://127.0.0.1:*", { allowRemote: false });
  const journal = await createRun(folder, systemClock, (stored) => feed.publish("bench", stored));
  const { v: _v, seq: _seq, at: _at, ...first } = JSON.parse(lines[0]);
  await journal.append([first]);
  const audience = await gather(feed.address, () => feed.publish("bench", [lines[0]]), folder, `${count}`);
  try {
    freeze(audience);
    const text = "What a Navigator says of a round. ".repeat(70);
    for (let round = 1; round < count; round += 15) {
      const more = Math.min(15, count - round);
      await journal.append(
        Array.from({ length: more }, (_, index) => ({ type: "strategy-set", round: round + index, text })),
      );
    }
    await journal.close();
    const awake = await Promise.all(audience.slice(frozen).map(({ result }) => result));
    for (const { child } of audience.slice(0, frozen)) child.kill("SIGCONT");
    const thawed = await Promise.all(audience.slice(0, frozen).map(({ result }) => result));
    await feed.close();
    const whole = (results) => results.filter(({ told, isInOrder }) => told === count && isInOrder).length;
    const share = (results) =>
      `${Math.round((100 * results.reduce((sum, { fromFeed }) => sum + fromFeed, 0)) / (count * results.length))} % by the feed`;
    return [
      [
        `subscribers with all ${count} lines once and in order, of ${subscribers - frozen}`,
        `${whole(awake)} (${share(awake)})`,
        `${subscribers - frozen}`,
      ],
      [
        `the same of ${frozen} that were frozen meanwhile`,
        `${whole(thawed)} (${share(thawed)})`,
        `${frozen}`,
      ],
    ];
  } finally {
    dismiss(audience);
  }
}

/** The same run by turns with and without the feed. The subscribers stand by either way. */
async function wallRow(evaluator, scratch) {
  const pairs = 10;
  const address = `tcp://127.0.0.1:${await freePort()}`;
  const greeting = await openFeed(address, { allowRemote: false });
  const audience = await gather(address, () => greeting.publish("bench", ["{}"]));
  await greeting.close();
  try {
    freeze(audience);
    const ratios = [];
    const seconds = [];
    for (let pair = 0; pair < pairs; pair++) {
      const took = {};
      for (const isFed of pair % 2 === 0 ? [false, true] : [true, false]) {
        const begin = performance.now();
        await run(evaluator, join(scratch, `pair-${pair}-${isFed}`), ...(isFed ? ["--feed", address] : []));
        took[isFed] = performance.now() - begin;
      }
      ratios.push(took.true / took.false);
      seconds.push(took.false / 1000);
    }
    return [
      `wall time of a run of 100 evaluations with the feed and ${subscribers} subscribers, ${frozen} of them frozen, against the same without the feed (median of ${pairs} pairs)`,
      `${((median(ratios) - 1) * 100).toFixed(1)} % more than ${median(seconds).toFixed(1)} s`,
      "at most 15 % more",
    ];
  } finally {
    dismiss(audience);
  }
}

// --- internal ---

/** Starts the subscribers and greets them until each has heard it. */
async function gather(address, greet, ...args) {
  const audience = Array.from({ length: subscribers }, () => {
    const child = spawn(process.execPath, [join(root, "bench/feed-subscriber.mjs"), address, ...args], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const said = createInterface({ input: child.stdout });
    const heard = once(said, "line");
    const result = heard.then(async () => JSON.parse((await once(said, "line"))[0]));
    // One that is dismissed says nothing any more.
    result.catch(() => {});
    return { child, heard, result };
  });
  let isComplete = false;
  const all = Promise.all(audience.map(({ heard }) => heard)).then(() => (isComplete = true));
  while (!isComplete) {
    greet();
    await Promise.race([all, wait(100)]);
  }
  return audience;
}

function freeze(audience) {
  for (const { child } of audience.slice(0, frozen)) child.kill("SIGSTOP");
}

function dismiss(audience) {
  for (const { child } of audience) child.kill("SIGKILL");
}

/** A whole run as a person starts it. */
async function run(evaluator, folder, ...flags) {
  const args = ["run", "--space", "analognas-baseline", "--evaluator", evaluator, "--out", folder, "--json"];
  const child = spawn(process.execPath, [join(root, "dist/cli/main.js"), ...args, ...flags], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (said += text));
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`the run ended with ${code}: ${said}`);
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}
