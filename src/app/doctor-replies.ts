/**
 * The doctor's look at what models answer: one strategy, one list of architectures, and whether a long prompt is read whole.
 *
 * The prompts are those of a search that begins.
 */
import { randomInt } from "node:crypto";
import {
  type ChatReply,
  type Message,
  type Price,
  type Prices,
  type Role,
  roleSchema,
  type SearchConfig,
} from "../search/events.ts";
import type { ChatModel, ChatRequest, Prompt } from "../search/ports.ts";
import { randomStream } from "../search/random.ts";
import { type RepairKind, repairKinds } from "../search/repairs.ts";
import { Space } from "../search/space.ts";
import { type SpaceDescription } from "../search/space-description.ts";
import { fitsWindow } from "../search/spend.ts";
import { bytesOf } from "../search/conversation.ts";
import { type RunState } from "../search/state.ts";
import { largerContext } from "../search/truncation.ts";
import { readReply } from "../search/unanswered.ts";
import { askedForm, generatorPrompt, readArchitectures } from "../searchers/generator.ts";
import { navigatorPrompt, readStrategy } from "../searchers/navigator.ts";
import { type Config, localModel, serverOf } from "../settings/config.ts";
import type { OpenedModels } from "./compose.ts";
import type { Examination } from "./doctor.ts";
import type { Findings } from "./findings.ts";
import { type Counted, longPrompt, longPromptBytes, readingOf } from "./long-prompt.ts";
import { rehearsal } from "./run-config.ts";

/** A share of legal architectures below this is a warning. */
const fewLegal = 0.5;

/** One real reply of each role, judged. */
export async function checkReplies(
  config: Config,
  description: SpaceDescription,
  { models, close }: OpenedModels,
  prices: Prices | null,
  examination: Examination,
): Promise<void> {
  const { findings } = examination;
  const player = (role: Role): Player => ({ role, chat: models[role], price: prices?.[role] ?? null });
  try {
    const space = new Space(description);
    const state = rehearsal(config, description, null);
    const opening = navigatorPrompt(state, space, 1);
    checkWindow(state, opening, findings);
    const strategy = await ask(player("navigator"), opening, examination);
    if (strategy === null) return;
    const written = readReply(strategy, readStrategy);
    const thinks = strategy.reasoning === null ? "no thinking" : "it thinks";
    findings.add(
      "Navigator",
      written.ok ? "ok" : "problem",
      written.ok
        ? `a strategy of ${written.value.split(/\s+/).length} words, ${paceOf(strategy)}, ${thinks}`
        : written.reasons.join("; "),
      written.ok ? undefined : (strategy.unanswered?.next ?? "try another model, or more max tokens"),
    );
    if (!written.ok) {
      findings.exitCode ||= 4;
      return;
    }
    const asked = generatorPrompt(state, space, written.value);
    const reply = await ask(player("generator"), asked, examination);
    if (reply === null) return;
    judge(space, reply, state.search, findings);
    const first = { navigator: [opening, strategy], generator: [asked, reply] } as const;
    const examined = new Set<string>();
    for (const role of roleSchema.options) {
      const server = config.model === null ? null : serverOf(config.model, role);
      const key = `${server?.name} ${server?.baseUrl}`;
      if (!state.search.memory[role] || examined.has(key)) continue;
      examined.add(key);
      const [prompt, answer] = first[role];
      const counted = { bytes: bytesOf(messagesOf(prompt)), tokens: answer.inputTokens };
      await checkLongPrompt(config, space, player(role), counted, examination);
    }
  } finally {
    await close();
  }
}

// --- internal ---

/** The model of a role, and what it charges. */
interface Player {
  readonly role: Role;
  readonly chat: ChatModel;
  readonly price: Price | null;
}

function checkWindow(state: RunState, prompt: Prompt, findings: Findings): void {
  const contextTokens = state.search.bounds?.navigator.contextTokens ?? null;
  if (contextTokens === null) return;
  const messages = messagesOf(prompt);
  const size = `the first prompt has ${bytesOf(messages)} bytes, the window ${contextTokens} tokens`;
  if (fitsWindow(state, "navigator", messages)) findings.add("window", "ok", size);
  else
    findings.problem(
      "window",
      2,
      `${size}: there is no room for a reply`,
      "use a model with a larger window, or a smaller model.maxTokens",
    );
}

/** Whether the server reads all of a conversation that has grown long. */
async function checkLongPrompt(
  { model, seed }: Config,
  space: Space,
  player: Player,
  first: Counted,
  examination: Examination,
): Promise<void> {
  const { findings } = examination;
  const { role } = player;
  if (model === null) return;
  const { name, contextTokens, maxTokens, onTruncation } = serverOf(model, role);
  // A file's window is known, and a record answers whatever it is asked.
  if (localModel(name) !== null) return;
  const check = "long prompt";
  const room = longPromptBytes(contextTokens, maxTokens);
  if (room === null) {
    findings.add(check, "skipped", `the ${role}'s window of ${contextTokens} tokens leaves no room for one`);
    return;
  }
  const word = `amber-${randomInt(1_000, 10_000)}`;
  const messages = longPrompt(space, room, word, randomStream(seed, check));
  const reply = await send(player, check, { messages, schema: null }, examination);
  if (reply === null) return;
  const long = { bytes: bytesOf(messages), tokens: reply.inputTokens };
  const counted = `${long.bytes} bytes were counted as ${long.tokens ?? "an unknown number of"} tokens`;
  switch (readingOf(long, first, reply, word)) {
    case "whole":
      findings.add(check, "ok", `the ${role}'s server reads long conversations whole: ${counted}`);
      return;
    case "unknown":
      findings.add(
        check,
        "skipped",
        `nothing shows whether the ${role}'s server cuts long conversations: ${counted}`,
      );
      return;
    case "cut": {
      const what = `the ${role}'s server cuts long conversations without a word: ${counted}`;
      if (onTruncation === "shorten") findings.add(check, "warning", what, largerContext);
      else findings.problem(check, 3, what, `${largerContext}, or set model.onTruncation: shorten`);
    }
  }
}

async function ask(player: Player, prompt: Prompt, examination: Examination): Promise<ChatReply | null> {
  const name = player.role === "navigator" ? "Navigator" : "Generator";
  return await send(player, name, { ...prompt, messages: messagesOf(prompt) }, examination);
}

async function send(
  { role, chat, price }: Player,
  check: string,
  { messages, schema }: Pick<ChatRequest, "messages" | "schema">,
  { findings, signal, say }: Examination,
): Promise<ChatReply | null> {
  say(`asking the ${role} (${check}) …`);
  const request = { role, round: 1, attempt: 1, messages, schema, seed: 1 };
  const reply = await findings.try(check, () => chat.reply(request, signal));
  if (reply === null) return null;
  findings.paid(reply, price);
  for (const note of reply.notes ?? []) findings.add("server", "warning", note);
  return reply;
}

function judge(space: Space, reply: ChatReply, search: SearchConfig, findings: Findings): void {
  if (reply.outputMode !== undefined) {
    const probes = (reply.probes ?? []).map(
      ({ outputMode, finding, words }) => `${outputMode} ${finding} (${words})`,
    );
    findings.add(
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
    findings.problem("Generator", 4, reading.reasons.join("; "), next);
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
  const mended = repairs.length === 0 ? "" : `; repaired: ${repairs.join("; ")}`;
  const what = `${legal} of ${judged.length} architectures are legal, ${paceOf(reply)}${why}${mended}`;
  if (legal === 0)
    findings.problem("Generator", 4, what, "try another model: a search would find nothing to evaluate");
  else
    findings.add(
      "Generator",
      share < fewLegal ? "warning" : "ok",
      what,
      share < fewLegal
        ? "a run would work, but lose much of what it asks for: try a larger model"
        : undefined,
    );
}

function messagesOf({ system, user }: Prompt): Message[] {
  return [
    { role: "system", content: system },
    { role: "user", content: user },
  ];
}

function paceOf({ inputTokens, outputTokens, seconds }: ChatReply): string {
  const tokens = `${inputTokens ?? "?"} + ${outputTokens ?? "?"} tokens in ${seconds.toFixed(1)} s`;
  return outputTokens === null || seconds < 0.05
    ? tokens
    : `${tokens} (${(outputTokens / seconds).toFixed(0)} a second)`;
}
