/**
 * The doctor's look at models: their prices, their servers and what those list.
 *
 * What a model answers is doctor-replies.ts.
 */
import { existsSync } from "node:fs";
import { duration } from "../text/durations.ts";
import { type Price, type Role, roleSchema } from "../search/events.ts";
import type { ChatRequest } from "../search/ports.ts";
import type { SpaceDescription } from "../search/space-description.ts";
import { askedModel } from "./asked-model.ts";
import {
  type Config,
  localModel,
  type ModelConfig,
  type ServerConfig,
  searchConfigOf,
  serverOf,
} from "../settings/config.ts";
import { readHeaders, readKey } from "../settings/environment.ts";
import { didYouMean } from "../text/did-you-mean.ts";
import { type ModelWatch, openModels, systemClock } from "./compose.ts";
import type { Examination } from "./doctor.ts";
import { checkReplies } from "./doctor-replies.ts";
import type { Findings } from "./findings.ts";
import { checkMoneyCap, priceHint, pricesFor } from "./prices.ts";

/** What a server is asked that nothing is asked of. */
const greeting: ChatRequest = {
  role: "navigator",
  round: 1,
  attempt: 1,
  messages: [{ role: "user", content: "Hello" }],
  schema: null,
  seed: 1,
};

/** Everything that can be known of the models: prices, servers, and a real reply of each role. */
export async function checkModels(
  config: Config,
  description: SpaceDescription | null,
  examination: Examination,
): Promise<void> {
  const { findings } = examination;
  const search = searchConfigOf(config);
  const model = askedModel(search, config.model);
  if (model === null) {
    const next = config.model === null ? "to check a model, name it with --model" : undefined;
    findings.add("model", "skipped", `searcher ${search.searcher} asks no model`, next);
    return;
  }
  const servers = new Map<string, { server: ServerConfig; roles: Role[] }>();
  for (const role of roleSchema.options) {
    const server = serverOf(model, role);
    const key = `${server.name} ${server.baseUrl}`;
    servers.set(key, { server, roles: [...(servers.get(key)?.roles ?? []), role] });
  }
  const before = findings.problems;
  // In the order of a run, whose first problem is this one too.
  const prices = await pricesFor(model, config.prices);
  for (const role of roleSchema.options) checkPrice(role, model, prices?.[role] ?? null, findings);
  const capped = await findings.try("caps", async () => checkMoneyCap(config.caps, prices, model) ?? true);
  for (const { server, roles } of servers.values()) await checkServer(server, roles, examination);
  if (capped === null || findings.problems > before) return;
  const patient = withFewRetries(model);
  const opened = await findings.try("model", () =>
    openModels(
      patient,
      systemClock,
      watchBy(examination),
      {},
      description === null ? undefined : { search, space: description },
    ),
  );
  if (opened === null) return;
  if (description !== null) {
    await checkReplies(config, description, opened, prices, examination);
    return;
  }
  await opened.close();
  findings.add("replies", "skipped", "without a space there is nothing to ask the model for");
}

// --- internal ---

async function checkServer(
  server: ServerConfig,
  roles: readonly Role[],
  examination: Examination,
): Promise<void> {
  const { findings, signal, say } = examination;
  const check = `model (${roles.join(", ")})`;
  const local = localModel(server.name);
  if (local !== null) {
    // What is wrong with it is found when it is opened.
    if (existsSync(local.path)) findings.add(check, "ok", `${server.name} is there`);
    return;
  }
  const secrets = await findings.try(check, async () => ({
    key: readKey(server),
    headers: readHeaders(server),
  }));
  if (secrets === null) return;
  findings.add(
    "key",
    "ok",
    secrets.key === null
      ? `${server.keyVariable} is not set: the server is asked without a key`
      : `taken from ${server.keyVariable}`,
  );
  const { listModels, unreachable } = await import("../models/model-list.ts");
  say(`model server ${server.baseUrl} …`);
  const reason = await unreachable(server.baseUrl, signal);
  if (reason !== null && !(await answers(check, server, examination))) return;
  const list = await listModels(server.baseUrl, secrets.key, secrets.headers, signal);
  if (!list.ok) {
    findings.add(check, "warning", `${server.baseUrl} answers, but lists no models (${list.reason})`);
    return;
  }
  const listed = list.models.find(({ id }) => id === server.name);
  if (listed === undefined) {
    const ids = list.models.map(({ id }) => id);
    const some = ids.slice(0, 8).join(", ") || "none";
    findings.add(
      check,
      "warning",
      `${server.baseUrl} does not list "${server.name}"; it has ${some}${didYouMean(server.name, ids)}`,
      "correct the model's name if the replies below fail",
    );
    return;
  }
  const window = listed.contextTokens;
  findings.add(
    check,
    window !== null && server.contextTokens !== null && server.contextTokens > window ? "warning" : "ok",
    `${server.baseUrl} has "${server.name}"${window === null ? "" : `, a window of ${window} tokens`}${server.contextTokens === null ? "" : `; model.contextTokens is ${server.contextTokens}`}`,
    window !== null && server.contextTokens !== window
      ? `set model.contextTokens: ${window}, so that long conversations are kept within it`
      : undefined,
  );
}

/** Whether a server that seems to be away answers, asked as a run asks it; if not, the problem has the run's words. */
async function answers(check: string, server: ServerConfig, examination: Examination): Promise<boolean> {
  const { findings, signal } = examination;
  const answered = await findings.try(check, async () => {
    const { models, close } = await openModels(withFewRetries(server), systemClock, watchBy(examination));
    try {
      return await models.navigator.reply(greeting, signal);
    } finally {
      await close();
    }
  });
  return answered !== null;
}

function checkPrice(role: Role, model: ModelConfig, price: Price | null, findings: Findings): void {
  if (price === null) {
    findings.add(
      "price",
      "warning",
      `${role}: not known`,
      `for sums of money, ${priceHint(serverOf(model, role).name, model)}`,
    );
    return;
  }
  findings.add(
    "price",
    "ok",
    `${role}: ${price.inputUsd} USD in, ${price.outputUsd} USD out a million tokens (${price.source})`,
  );
}

function watchBy({ say }: Examination): ModelWatch {
  return { onRetry: (seconds, reason) => say(`waiting ${duration(seconds)}: ${reason}`) };
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
