/**
 * How an evaluator on a CPU shares it: two clients beside one, and three ways to wait on a busy machine.
 *
 * Evaluates random subnets of `ofa-scenes` on some of its images through real servers. It makes the load itself: a busy
 * process for each processor. The parts of a comparison run in turn, so that other work on the machine affects all of them. Needs dist/.
 */
import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { GrpcEvaluator } from "../dist/evaluator/grpc-evaluator.js";
import { startPythonEvaluator } from "../dist/evaluator/python-evaluator.js";
import { randomStream } from "../dist/search/random.js";
import { Space } from "../dist/search/space.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const python = join(root, ".venv/bin/python");
const never = new AbortController().signal;
const median = (values) => [...values].sort((first, second) => first - second)[Math.floor(values.length / 2)];
const spaceId = "ofa-scenes";
const pairs = 3;
const evaluations = 6;
const alone = 2;
const ofEachClass = { train: 20, search: 40, test: 40 };

const ways = [
  { name: "threads that wait without spinning", threads: null, environment: {} },
  // A word that OpenMP does not know leaves it as it is by default.
  { name: "OpenMP's own way to wait", threads: null, environment: { OMP_WAIT_POLICY: "own" } },
  { name: "threads: 1", threads: 1, environment: {} },
];

/** Everything is written into `scratch`, but the images of the scenes, which stay where the demo has them. */
export async function sharedCpuRows(scratch) {
  const images = someImages(join(root, "examples/scenes/images"), join(scratch, "images"));
  const servers = [];
  try {
    for (const [place, way] of ways.entries())
      servers.push(await Server.started(way, images, scratch, place));
    const [shared] = servers;
    for (const server of servers) await server.evaluated([shared.drawn("warm", 1)]);
    const rows = [];

    const ratios = { time: [], processor: [] };
    const idle = servers.map(() => []);
    for (let pair = 0; pair < pairs; pair++) {
      // The same subnets: those of the second time are on other images, so that the store does not have them.
      const texts = shared.drawn(`pair ${pair}`, evaluations);
      const halves = [texts.slice(0, evaluations / 2), texts.slice(evaluations / 2)];
      const took = [];
      for (const clients of pair % 2 === 0 ? [1, 2] : [2, 1])
        took[clients] = await shared.evaluated(
          clients === 1 ? [texts] : halves,
          clients === 1 ? "search" : "test",
        );
      say(`one client ${shown(took[1])}, two ${shown(took[2])}`);
      ratios.time.push(took[2].time / took[1].time);
      ratios.processor.push(took[2].processor / took[1].processor);
      for (const [place, server] of servers.entries())
        idle[place].push(await server.evaluated([server.drawn(`idle ${pair}`, alone)]));
    }
    rows.push(
      [
        `${evaluations} evaluations by two clients at the same time, to the same by one, median of ${pairs} pairs`,
        ranged(ratios.time),
        "at most 1.05",
      ],
      ["  by processor time, which other work disturbs less", ranged(ratios.processor), ""],
      ["threads of the evaluator at most, with those of gRPC and of images", `${shared.most}`, ""],
      ...each(idle, (name) => `an evaluation, ${name}`),
    );

    const busy = servers.map(() => []);
    const load = Array.from({ length: availableParallelism() }, () =>
      spawn(process.execPath, ["-e", "const parent = process.ppid; while (process.ppid === parent);"]),
    );
    try {
      for (let round = 0; round < pairs; round++)
        for (const [place, server] of servers.entries()) {
          busy[place].push(await server.evaluated([server.drawn(`busy ${round}`, alone)]));
          say(`beside a load, ${ways[place].name}: ${shown(busy[place].at(-1))}`);
        }
    } finally {
      for (const child of load) child.kill("SIGKILL");
    }
    const gained = busy[0].map(({ time }, round) => time / busy[1][round].time);
    rows.push(...each(busy, (name) => `an evaluation beside ${load.length} busy processes, ${name}`), [
      "  the first to the second, median",
      ranged(gained),
      "under 1",
    ]);
    return rows;
  } finally {
    for (const server of servers) await server.stop();
  }
}

/** An evaluator process, with a client for each search that would use it. */
class Server {
  most = 0;
  #process;
  #clients;
  #space;

  constructor(started, clients, space) {
    [this.#process, this.#clients, this.#space] = [started, clients, space];
  }

  static async started(way, images, scratch, place) {
    const configFile = join(scratch, `evaluator-${place}.yaml`);
    const values = {
      checkpoints: { [spaceId]: join(root, "examples/scenes/ofa_scenes.pth") },
      imagenet: { val: join(images, "test"), search: join(images, "search"), train: join(images, "train") },
      device: "cpu",
      analognas: false,
      cache_dir: join(scratch, `cache-${place}`),
      ...(way.threads === null ? {} : { threads: way.threads }),
    };
    writeFileSync(configFile, JSON.stringify(values)); // which is YAML
    asked(python, "-m", "collm_nas_evaluator", "cache-images", "--config", configFile);
    const { environment } = way;
    const started = await startPythonEvaluator({ python, configFile, packageRoot: root, environment }, never);
    const clients = [0, 1].map(() => new GrpcEvaluator({ address: started.address }));
    const space = await clients[0].describe(spaceId, never);
    return new Server(started, clients, space);
  }

  /** Different random subnets; the same for every server. */
  drawn(label, count) {
    const [space, random] = [new Space(this.#space), randomStream(0, `shared-cpu ${label}`)];
    const texts = new Set();
    while (texts.size < count) texts.add(space.sample(random).text);
    return [...texts];
  }

  /** What it takes until each client has the evaluations of its texts: seconds, and processor seconds of the server. */
  async evaluated(asking, split = "search") {
    const watching = setInterval(() => this.#count(), 20);
    const [begin, before] = [performance.now(), this.#processor()];
    await Promise.all(asking.map((texts, client) => this.#ask(this.#clients[client], texts, split)));
    clearInterval(watching);
    return { time: (performance.now() - begin) / 1000, processor: this.#processor() - before };
  }

  async stop() {
    for (const client of this.#clients) await client.close();
    await this.#process.stop();
  }

  async #ask(client, texts, split) {
    let measured = 0;
    for await (const message of client.evaluate({ space: this.#space, texts, split }, never))
      if (message.kind === "outcome" && message.outcome.kind === "measurement") measured += 1;
    if (measured !== texts.length) throw new Error(`${measured} of ${texts.length} evaluations succeeded`);
  }

  #count() {
    const tasks = `/proc/${this.#process.pid}/task`;
    if (existsSync(tasks)) this.most = Math.max(this.most, readdirSync(tasks).length);
  }

  /** NaN where the system does not say so. */
  #processor() {
    const path = `/proc/${this.#process.pid}/stat`;
    if (!existsSync(path)) return Number.NaN;
    const [user, system] = readFileSync(path, "utf8").split(") ").at(-1).split(" ").slice(11, 13);
    return (Number(user) + Number(system)) / ticksASecond;
  }
}

/** A folder with the first images of each class. */
function someImages(all, some) {
  if (!existsSync(join(all, "test")))
    asked(python, join(root, "examples/train_scenes_supernet.py"), "images", all);
  for (const [set, count] of Object.entries(ofEachClass))
    for (const entry of readdirSync(join(all, set), { withFileTypes: true })) {
      if (!entry.isDirectory()) continue;
      const [from, to] = [all, some].map((folder) => join(folder, set, entry.name));
      mkdirSync(to, { recursive: true });
      for (const name of readdirSync(from).sort().slice(0, count))
        copyFileSync(join(from, name), join(to, name));
    }
  return some;
}

const ticksASecond = 100;
const seconds = (value) => `${value.toFixed(2)} s`;
const shown = ({ time, processor }) => `${seconds(time)} (processor ${seconds(processor)})`;
const ranged = (values) =>
  `${median(values).toFixed(2)} (${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)})`;

/** A row for each way, with the median time of one evaluation. */
const each = (taken, what) =>
  taken.map((some, place) => [
    what(ways[place].name),
    seconds(median(some.map(({ time }) => time)) / alone),
    "",
  ]);

function say(text) {
  process.stderr.write(`bench: ${text}\n`);
}

function asked(...command) {
  const [program, ...args] = command;
  const ran = spawnSync(program, args, {
    cwd: join(root, "python-evaluator"),
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (ran.status !== 0) throw new Error(`${command.join(" ")} ended with ${ran.status ?? ran.signal}`);
}
