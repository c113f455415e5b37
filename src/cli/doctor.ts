/**
 * `doctor`: whether a run would work, found out before one is begun.
 *
 * Owns the order of the checks and what each finding means for a run. It makes no run and writes no file; the model is
 * asked for one strategy, one list of architectures and the word at the beginning of a long prompt; the tokens of all
 * are told at the end.
 */
import { createHash, randomInt } from "node:crypto";
import { existsSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import wrap from "wrap-ansi";
import { openRegular } from "../system/regular-file.ts";
import {
  type Config,
  localModel,
  type ModelConfig,
  type ServerConfig,
  searchConfigOf,
  serverOf,
} from "../settings/config.ts";
import { type Flags } from "../settings/flags.ts";
import { readHeaders, readKey } from "../settings/environment.ts";
import { readYaml } from "../settings/yaml-file.ts";
import { ChatUnavailable, CollmError, Interrupted } from "../errors.ts";
import { duration } from "../text/durations.ts";
import {
  type ChatReply,
  type Message,
  type Price,
  type Role,
  roleSchema,
  type SearchConfig,
} from "../search/events.ts";
import { didYouMean } from "../text/did-you-mean.ts";
import type { ChatModel, ChatRequest, Prompt } from "../search/ports.ts";
import { randomStream } from "../search/random.ts";
import { type RepairKind, repairKinds } from "../search/repairs.ts";
import { Space } from "../search/space.ts";
import type { SpaceDescription } from "../search/space-description.ts";
import { fitsWindow, usdOf } from "../search/spend.ts";
import { bytesOf } from "../search/conversation.ts";
import type { RunState } from "../search/state.ts";
import { largerContext } from "../search/truncation.ts";
import { readReply } from "../search/unanswered.ts";
import { askedForm, generatorPrompt, readArchitectures } from "../searchers/generator.ts";
import { navigatorPrompt, readStrategy } from "../searchers/navigator.ts";
import { asksRoles } from "../searchers/registry.ts";
import {
  type ModelWatch,
  openEvaluator,
  openModels,
  type OpenedModels,
  systemClock,
} from "../app/compose.ts";
import { checkFit, readRunConfig, rehearsal, versions } from "../app/run-lifecycle.ts";
import { type Counted, longPrompt, longPromptBytes, readingOf } from "../app/long-prompt.ts";
import { type Output, withoutResume } from "./output.ts";
import { checkMoneyCap, priceHint, pricesFor } from "../app/prices.ts";
import { paint } from "./style.ts";
import { plain } from "../text/plain.ts";
import { numbers } from "./summary.ts";
import { dollars } from "../text/numbers.ts";
import { table } from "./table.ts";
import { wrapped } from "../text/wrapped.ts";

/** One thing that was looked at. */
export interface Finding {
  readonly check: string;
  readonly status: "ok" | "warning" | "problem" | "skipped";
  readonly what: string;
  /** The next step; absent where none is needed. */
  readonly next?: string;
}

/** What the doctor itself used up. */
interface Spent {
  calls: number;
  inputTokens: number;
  outputTokens: number;
  usd: number | null;
  seconds: number;
}

/** What a server is asked that nothing is asked of. */
const greeting: ChatRequest = {
  role: "navigator",
  round: 1,
  attempt: 1,
  messages: [{ role: "user", content: "Hello" }],
  schema: null,
  seed: 1,
  brief: null,
};

/** Larger files are told by their size alone. */
const largestHashed = 2 * 1024 ** 3;
/** A share of legal architectures below this is a warning. */
const fewLegal = 0.5;

export async function doctor(
  file: string | undefined,
  flags: Flags,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const examination = new Examination(output, signal);
  await examination.all(file, flags);
  const { findings, spent } = examination;
  const ok = findings.every(({ status }) => status !== "problem");
  output.exitCode = examination.exitCode;
  output.result({ ok, findings, spent }, reportLines(findings, spent, ok, output.columns));
}

// --- internal ---

class Examination {
  readonly findings: Finding[] = [];
  readonly spent: Spent = { calls: 0, inputTokens: 0, outputTokens: 0, usd: 0, seconds: 0 };
  /** That of the first problem; 0 as long as there is none. */
  exitCode = 0;
  readonly #output: Output;
  readonly #signal: AbortSignal;
  readonly #watch: ModelWatch = {
    onRetry: (seconds, reason) => this.#sayNow(`waiting ${duration(seconds)}: ${reason}`),
  };

  constructor(output: Output, signal: AbortSignal) {
    this.#output = output;
    this.#signal = signal;
  }

  async all(file: string | undefined, flags: Flags): Promise<void> {
    const { collmNas, node } = await versions();
    this.#found("program", "ok", `collm-nas ${collmNas} on Node ${node}`);
    const config = await this.#try("configuration", () => readRunConfig(file, flags));
    if (config === null) return;
    this.#found("configuration", "ok", file === undefined ? "the flags are in order" : `${file} is in order`);
    await this.#files(config);
    const space = await this.#evaluator(config);
    await this.#models(config, space);
  }

  // ----- Evaluator, space, data -----

  async #evaluator(config: Config): Promise<SpaceDescription | null> {
    const address = config.evaluator.address ?? "started here";
    this.#sayNow(`evaluator (${address}) …`);
    const opened = await this.#try("evaluator", () => openEvaluator(config));
    if (opened === null) return null;
    const { evaluator, close } = opened;
    try {
      const listed = await this.#try("evaluator", () => evaluator.list(this.#signal));
      if (listed === null) return null;
      const { spaces, serverVersion } = listed;
      const available = spaces.filter((space) => space.available);
      this.#found(
        "evaluator",
        "ok",
        `${address}, version ${serverVersion}: ${available.length} of ${spaces.length} spaces can be searched (${available.map(({ id }) => id).join(", ") || "none"})`,
      );
      const space = await this.#try("space", async () => {
        const described = await evaluator.describe(config.space, this.#signal);
        checkFit(config, described);
        return described;
      });
      if (space === null) return null;
      const one = new Space(space).sample(randomStream(config.seed, "doctor"));
      const [measured] =
        (await this.#try("costs", () =>
          evaluator.measureCosts({ space, texts: [one.text] }, this.#signal),
        )) ?? [];
      if (measured === undefined) return null;
      const splits = space.splits.map(({ name }) => name).join(", ");
      this.#found(
        "space",
        "ok",
        `${space.id}: ${new Space(space).size.toLocaleString("en")} architectures, splits ${splits}; one drawn at random costs ${numbers(measured.costs) || "nothing"}`,
      );
      return space;
    } finally {
      await close();
    }
  }

  /** The files that the evaluator's configuration names. */
  async #files({ evaluator: { config, address } }: Config): Promise<void> {
    if (config === null) {
      const what =
        address === null
          ? "no evaluator configuration: the demo's table serves"
          : "the running evaluator has its own";
      this.#found("data", "skipped", what);
      return;
    }
    const whole = await readYaml(config).catch((error: unknown) => {
      if (!(error instanceof CollmError)) throw error;
      return null;
    });
    if (whole === null) {
      this.#found(
        "data",
        "skipped",
        `the files that ${config} names are not listed, for it could not be read`,
      );
      return;
    }
    for (const { key, path } of pathsIn(whole, dirname(resolve(config)))) {
      if (!existsSync(path)) {
        this.#found(
          "data",
          "warning",
          `${key}: ${path} is not there`,
          "correct the path, or leave the key out",
        );
        continue;
      }
      const stat = statSync(path);
      const size = stat.isDirectory() ? "a folder" : `${(stat.size / 1e6).toFixed(1)} MB`;
      const hash =
        stat.isFile() && stat.size <= largestHashed ? `, SHA-256 ${(await sha256(path)).slice(0, 16)}…` : "";
      this.#found("data", "ok", `${key}: ${path}, ${size}${hash}`);
    }
  }

  // ----- Models -----

  async #models(config: Config, description: SpaceDescription | null): Promise<void> {
    const search = searchConfigOf(config);
    if (!asksRoles(search)) {
      this.#found("model", "skipped", `searcher ${search.searcher} asks no model`);
      return;
    }
    const { model } = config;
    if (model === null) {
      this.#found("model", "ok", "no model is named: written rules would play both roles");
      return;
    }
    const servers = new Map<string, { server: ServerConfig; roles: Role[] }>();
    for (const role of roleSchema.options) {
      const server = serverOf(model, role);
      const key = `${server.name} ${server.baseUrl}`;
      servers.set(key, { server, roles: [...(servers.get(key)?.roles ?? []), role] });
    }
    const problems = () => this.findings.filter(({ status }) => status === "problem").length;
    const before = problems();
    // In the order of a run, whose first problem is this one too.
    const prices = await pricesFor(model, config.prices);
    for (const role of roleSchema.options) this.#price(role, model, prices?.[role] ?? null);
    const capped = await this.#try("caps", async () => checkMoneyCap(config.caps, prices, model) ?? true);
    for (const { server, roles } of servers.values()) await this.#server(server, roles);
    if (capped === null || problems() > before) return;
    const patient = withFewRetries(model);
    const opened = await this.#try("model", () =>
      openModels(
        patient,
        systemClock,
        this.#watch,
        {},
        description === null ? undefined : { search, space: description },
      ),
    );
    if (opened === null) return;
    if (description !== null) {
      await this.#replies(config, description, opened, prices);
      return;
    }
    await opened.close();
    this.#found("replies", "skipped", "without a space there is nothing to ask the model for");
  }

  async #server(server: ServerConfig, roles: readonly Role[]): Promise<void> {
    const check = `model (${roles.join(", ")})`;
    const local = localModel(server.name);
    if (local !== null) {
      // What is wrong with it is found when it is opened.
      if (existsSync(local.path)) this.#found(check, "ok", `${server.name} is there`);
      return;
    }
    const secrets = await this.#try(check, async () => ({
      key: readKey(server),
      headers: readHeaders(server),
    }));
    if (secrets === null) return;
    this.#found(
      "key",
      "ok",
      secrets.key === null
        ? `${server.keyVariable} is not set: the server is asked without a key`
        : `taken from ${server.keyVariable}`,
    );
    const { listModels, unreachable } = await import("../models/model-server.ts");
    this.#sayNow(`model server ${server.baseUrl} …`);
    const reason = await unreachable(server.baseUrl, this.#signal);
    if (reason !== null && !(await this.#answers(check, server))) return;
    const list = await listModels(server.baseUrl, secrets.key, secrets.headers, this.#signal);
    if (!list.ok) {
      this.#found(check, "warning", `${server.baseUrl} answers, but lists no models (${list.reason})`);
      return;
    }
    const listed = list.models.find(({ id }) => id === server.name);
    if (listed === undefined) {
      const ids = list.models.map(({ id }) => id);
      const some = ids.slice(0, 8).join(", ") || "none";
      this.#found(
        check,
        "warning",
        `${server.baseUrl} does not list "${server.name}"; it has ${some}${didYouMean(server.name, ids)}`,
        "correct the model's name if the replies below fail",
      );
      return;
    }
    const told = listed.contextTokens;
    this.#found(
      check,
      told !== null && server.contextTokens !== null && server.contextTokens > told ? "warning" : "ok",
      `${server.baseUrl} has "${server.name}"${told === null ? "" : `, a window of ${told} tokens`}${server.contextTokens === null ? "" : `; model.contextTokens is ${server.contextTokens}`}`,
      told !== null && server.contextTokens !== told
        ? `set model.contextTokens: ${told}, so that long conversations are kept within it`
        : undefined,
    );
  }

  /** Whether a server that seems to be away answers, asked as a run asks it: if not, it is told in the run's words. */
  async #answers(check: string, server: ServerConfig): Promise<boolean> {
    const answered = await this.#try(check, async () => {
      const { models, close } = await openModels(withFewRetries(server), systemClock, this.#watch);
      try {
        return await models.navigator.reply(greeting, this.#signal);
      } finally {
        await close();
      }
    });
    return answered !== null;
  }

  #price(role: Role, model: ModelConfig, price: Price | null): void {
    if (price === null) {
      this.#found(
        "price",
        "warning",
        `${role}: not known`,
        `for sums of money, ${priceHint(serverOf(model, role).name, model)}`,
      );
      return;
    }
    this.#found(
      "price",
      "ok",
      `${role}: ${price.inputUsd} USD in, ${price.outputUsd} USD out a million tokens (${price.source})`,
    );
  }

  /** One real reply of each role, judged. */
  async #replies(
    config: Config,
    description: SpaceDescription,
    { models, close }: OpenedModels,
    prices: Awaited<ReturnType<typeof pricesFor>>,
  ): Promise<void> {
    try {
      const space = new Space(description);
      const state = rehearsal(config, description);
      const opening = navigatorPrompt(state, space, 1);
      this.#window(state, opening);
      const strategy = await this.#ask("navigator", opening, models.navigator, prices?.navigator ?? null);
      if (strategy === null) return;
      const written = readReply(strategy, readStrategy);
      const thinks = strategy.reasoning === null ? "no thinking" : "it thinks";
      this.#found(
        "Navigator",
        written.ok ? "ok" : "problem",
        written.ok
          ? `a strategy of ${written.value.split(/\s+/).length} words, ${paceOf(strategy)}, ${thinks}`
          : written.reasons.join("; "),
        written.ok ? undefined : (strategy.unanswered?.next ?? "try another model, or more max tokens"),
      );
      if (!written.ok) {
        this.exitCode ||= 4;
        return;
      }
      const asked = generatorPrompt(state, space, written.value);
      const reply = await this.#ask("generator", asked, models.generator, prices?.generator ?? null);
      if (reply === null) return;
      this.#judge(space, reply, state.search);
      const first = { navigator: [opening, strategy], generator: [asked, reply] } as const;
      const examined = new Set<string>();
      for (const role of roleSchema.options) {
        const server = config.model === null ? null : serverOf(config.model, role);
        const key = `${server?.name} ${server?.baseUrl}`;
        if (!state.search.memory[role] || examined.has(key)) continue;
        examined.add(key);
        const [prompt, answer] = first[role];
        await this.#longPrompt(config, space, role, models[role], prices?.[role] ?? null, {
          bytes: bytesOf(messagesOf(prompt)),
          tokens: answer.inputTokens,
        });
      }
    } finally {
      await close();
    }
  }

  #window(state: RunState, prompt: Prompt): void {
    const contextTokens = state.search.bounds?.navigator.contextTokens ?? null;
    if (contextTokens === null) return;
    const messages = messagesOf(prompt);
    const size = `the first prompt has ${bytesOf(messages)} bytes, the window ${contextTokens} tokens`;
    if (fitsWindow(state, "navigator", messages)) this.#found("window", "ok", size);
    else
      this.#problem(
        "window",
        2,
        `${size}: there is no room for a reply`,
        "use a model with a larger window, or a smaller model.maxTokens",
      );
  }

  /** Whether the server reads all of a conversation that has grown long. */
  async #longPrompt(
    { model, seed }: Config,
    space: Space,
    role: Role,
    chat: ChatModel,
    price: Price | null,
    first: Counted,
  ): Promise<void> {
    if (model === null) return;
    const { name, contextTokens, maxTokens, onTruncation } = serverOf(model, role);
    // A file's window is known, and a record answers whatever it is asked.
    if (localModel(name) !== null) return;
    const check = "long prompt";
    const room = longPromptBytes(contextTokens, maxTokens);
    if (room === null) {
      this.#found(check, "skipped", `the ${role}'s window of ${contextTokens} tokens leaves no room for one`);
      return;
    }
    const word = `amber-${randomInt(1_000, 10_000)}`;
    const messages = longPrompt(space, room, word, randomStream(seed, check));
    const reply = await this.#send(role, check, { messages, schema: null, brief: null }, chat, price);
    if (reply === null) return;
    const long = { bytes: bytesOf(messages), tokens: reply.inputTokens };
    const counted = `${long.bytes} bytes were counted as ${long.tokens ?? "an unknown number of"} tokens`;
    switch (readingOf(long, first, reply, word)) {
      case "whole":
        this.#found(check, "ok", `the ${role}'s server reads long conversations whole: ${counted}`);
        return;
      case "unknown":
        this.#found(
          check,
          "skipped",
          `nothing shows whether the ${role}'s server cuts long conversations: ${counted}`,
        );
        return;
      case "cut": {
        const what = `the ${role}'s server cuts long conversations without a word: ${counted}`;
        if (onTruncation === "shorten") this.#found(check, "warning", what, largerContext);
        else this.#problem(check, 3, what, `${largerContext}, or set model.onTruncation: shorten`);
      }
    }
  }

  async #ask(role: Role, prompt: Prompt, model: ChatModel, price: Price | null): Promise<ChatReply | null> {
    const name = role === "navigator" ? "Navigator" : "Generator";
    return await this.#send(role, name, { ...prompt, messages: messagesOf(prompt) }, model, price);
  }

  async #send(
    role: Role,
    check: string,
    { messages, schema, brief }: Pick<ChatRequest, "messages" | "schema" | "brief">,
    model: ChatModel,
    price: Price | null,
  ): Promise<ChatReply | null> {
    this.#sayNow(`asking the ${role} (${check}) …`);
    const request = { role, round: 1, attempt: 1, messages, schema, seed: 1, brief };
    const reply = await this.#try(check, () => model.reply(request, this.#signal));
    if (reply === null) return null;
    for (const { inputTokens, outputTokens } of [reply, ...(reply.probes ?? [])]) {
      this.spent.calls += 1;
      this.spent.inputTokens += inputTokens ?? 0;
      this.spent.outputTokens += outputTokens ?? 0;
      const cost =
        price === null
          ? null
          : usdOf(price, { inputTokens: inputTokens ?? 0, outputTokens: outputTokens ?? 0 });
      this.spent.usd = cost === null || this.spent.usd === null ? null : this.spent.usd + cost;
    }
    this.spent.seconds += reply.seconds;
    for (const note of reply.notes ?? []) this.#found("server", "warning", note);
    return reply;
  }

  #judge(space: Space, reply: ChatReply, search: SearchConfig): void {
    if (reply.outputMode !== undefined) {
      const probes = (reply.probes ?? []).map(
        ({ outputMode, finding, words }) => `${outputMode} ${finding} (${words})`,
      );
      this.#found(
        "structured output",
        reply.outputMode === "json-schema" ? "ok" : "warning",
        `${reply.outputMode}${probes.length === 0 ? "" : `: ${probes.join("; ")}`}`,
        reply.outputMode === "json-schema"
          ? undefined
          : "nothing has to be done: replies are asked for in this way, and read strictly",
      );
    }
    const reading = readReply(reply, readArchitectures(space, askedForm(search)));
    if (!reading.ok) {
      const next = reply.unanswered?.next ?? "try another model, or more max tokens";
      this.#problem("Generator", 4, reading.reasons.join("; "), next);
      return;
    }
    const judged = reading.value.map((raw) => space.parse(raw));
    const legal = judged.filter(({ ok }) => ok).length;
    const reasons = new Map<string, number>();
    for (const each of judged)
      if (!each.ok)
        for (const { sentence } of each.rejections) reasons.set(sentence, (reasons.get(sentence) ?? 0) + 1);
    const commonest = [...reasons].sort(([, first], [, second]) => second - first).slice(0, 3);
    const repairs = Object.keys(reading.repairs ?? {}).map((kind) => repairKinds[kind as RepairKind] ?? kind);
    const share = judged.length === 0 ? 0 : legal / judged.length;
    const why =
      commonest.length === 0
        ? ""
        : `; ${commonest.map(([sentence, count]) => `${count} × ${sentence}`).join("; ")}`;
    const mended = repairs.length === 0 ? "" : `; put right: ${repairs.join("; ")}`;
    const what = `${legal} of ${judged.length} architectures are legal, ${paceOf(reply)}${why}${mended}`;
    if (legal === 0)
      this.#problem("Generator", 4, what, "try another model: a search would find nothing to evaluate");
    else
      this.#found(
        "Generator",
        share < fewLegal ? "warning" : "ok",
        what,
        share < fewLegal
          ? "a run would work, but lose much of what it asks for: try a larger model"
          : undefined,
      );
  }

  // ----- Findings -----

  /** What is done right now: for somebody who waits at a terminal. */
  #sayNow(line: string): void {
    if (this.#output.stderr.isTTY === true) this.#output.say(paint("dim", line));
  }

  #found(check: string, status: Finding["status"], what: string, next?: string): void {
    this.findings.push({ check, status, what, ...(next === undefined ? {} : { next }) });
  }

  #problem(check: string, exitCode: number, what: string, next: string): void {
    this.#found(check, "problem", what, next);
    this.exitCode ||= exitCode;
  }

  /** The value, or null and a problem in the error's own words. */
  async #try<T>(check: string, attempt: () => Promise<T>): Promise<T | null> {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof CollmError) || (error instanceof Interrupted && this.#signal.aborted))
        throw error;
      if (error instanceof ChatUnavailable) this.spent.seconds += error.spent.seconds;
      this.#found(check, "problem", withoutResume(error.message));
      this.exitCode ||= error.exitCode;
      return null;
    }
  }
}

function messagesOf({ system, user }: Prompt): Message[] {
  return [
    { role: "system", content: system },
    { role: "user", content: user },
  ];
}

function withFewRetries(model: ModelConfig): ModelConfig {
  const few = <T extends { retries?: number }>(settings: T): T =>
    settings.retries === undefined ? settings : { ...settings, retries: Math.min(1, settings.retries) };
  const roles =
    model.roles === undefined
      ? {}
      : {
          roles: Object.fromEntries(
            Object.entries(model.roles).map(([role, settings]) => [role, few(settings)]),
          ),
        };
  return { ...few(model), ...roles };
}

function paceOf({ inputTokens, outputTokens, seconds }: ChatReply): string {
  const tokens = `${inputTokens ?? "?"} + ${outputTokens ?? "?"} tokens in ${seconds.toFixed(1)} s`;
  return outputTokens === null || seconds < 0.05
    ? tokens
    : `${tokens} (${(outputTokens / seconds).toFixed(0)} a second)`;
}

/** Whatever in a configuration names a file or a folder, from where it stands. */
function pathsIn(value: unknown, folder: string, key = ""): { key: string; path: string }[] {
  if (typeof value === "string") {
    const looksLikePath =
      value.includes("/") || /\.\w{2,5}$/.test(value) || existsSync(resolve(folder, value));
    return looksLikePath && !/^[a-z]+:\/\//.test(value) ? [{ key, path: resolve(folder, value) }] : [];
  }
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) =>
    pathsIn(member, folder, key === "" ? name : `${key}.${name}`),
  );
}

async function sha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  const file = await openRegular(path);
  for await (const chunk of file.createReadStream()) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

function reportLines(
  findings: readonly Finding[],
  spent: Spent,
  ok: boolean,
  columns: number | null,
): string[] {
  const marks = { ok: "ok", warning: "note", problem: "PROBLEM", skipped: "–" } as const;
  const colours = { ok: "green", warning: "yellow", problem: "red", skipped: "dim" } as const;
  const longest = Math.max(...findings.map(({ check }) => check.length));
  const room = Math.max(40, (columns ?? 120) - longest - marks.problem.length - 5);
  const rows = findings.flatMap(({ check, status, what, next }) => [
    [paint(colours[status], marks[status]), check, wrap(plain(what), room, { hard: true })],
    ...(next === undefined ? [] : [["", "", wrapped(plain(`→ ${next}`), room)]]),
  ]);
  const money = spent.usd === null ? "" : `, ${dollars(spent.usd)}`;
  return [
    ...table(rows),
    "",
    ...(spent.calls === 0
      ? []
      : [
          `This took ${spent.calls} ${spent.calls === 1 ? "call" : "calls"}: ${spent.inputTokens} + ${spent.outputTokens} tokens in ${spent.seconds.toFixed(1)} s${money}.`,
        ]),
    ok ? "A run would work." : "A run would not work: see the first problem.",
  ];
}
