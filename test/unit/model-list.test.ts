/** What a server tells of its models without being asked for a reply. */
import { describe, expect, test } from "vitest";
import { listModels, unreachable } from "../../src/models/model-list.ts";
import {
  type Answer,
  htmlPage,
  json,
  raw,
  refusal,
  stalledHeaders,
  startModelServer,
} from "../support/model-server.ts";
import { key, serve } from "../support/open-chat.ts";

const never = new AbortController().signal;

async function listed(models: Answer, headers: Readonly<Record<string, string>> = {}) {
  const { baseUrl } = await serve([], { models });
  return await listModels(baseUrl, key, headers, never);
}

test.each([
  ["vLLM", { max_model_len: 32_768 }, 32_768],
  ["llama.cpp", { meta: { n_ctx_train: 4_096 } }, 4_096],
  ["LM Studio", { max_context_length: 131_072, loaded_context_length: 8_192 }, 8_192],
  ["OpenRouter", { context_length: 200_000 }, 200_000],
  ["a server that does not tell", {}, null],
  ["one that tells nonsense", { max_model_len: "many", context_length: -1 }, null],
])("the window of each model, as told by %s", async (_name, told, contextTokens) => {
  const list = await listed(
    json(200, { object: "list", data: [{ id: "m", object: "model", ...told }, null, {}] }),
  );
  expect(list).toEqual({ ok: true, models: [{ id: "m", contextTokens }] });
});

test("key and headers are sent along", async () => {
  let seen: Record<string, unknown> = {};
  const answer: Answer = (response, request) => {
    seen = request.headers;
    json(200, { data: [{ id: `model ${key}` }] })(response);
  };
  const list = await listed(answer, { "x-team": "nas" });
  expect(seen).toMatchObject({ authorization: `Bearer ${key}`, "x-team": "nas" });
  expect(JSON.stringify(list)).not.toContain(key);
});

describe("no list is told as a reason, without the key", () => {
  test.each<[string, Answer, string]>([
    ["401", refusal(401, `bad key ${key}`), "it answers 401"],
    ["404", raw(404, "", {}), "it answers 404"],
    ["a page", htmlPage(), "an HTML page"],
    ["another API", json(200, { result: 1 }), "something else"],
    ["a redirect", raw(302, "", { location: "http://127.0.0.1:1/v1/models" }), "it answers 302"],
    ["too long a list", raw(200, `[${"1,".repeat(4 * 1024 * 1024)}1]`, {}), "longer than 4 MB"],
    ["a broken list", raw(200, '{"data": [', { "content-type": "application/json" }), "something else"],
  ])("%s", async (_name, answer, words) => {
    const list = await listed(answer);
    expect(list).toMatchObject({ ok: false, reason: expect.stringContaining(words) });
    expect(JSON.stringify(list)).not.toContain(key);
  });

  test("nobody there", async () => {
    const server = await startModelServer([]);
    await server.close();
    const list = await listModels(server.baseUrl, key, {}, never);
    expect(list).toEqual({ ok: false, reason: "ECONNREFUSED" });
    expect(await unreachable(server.baseUrl, never)).toBe("ECONNREFUSED");
  });

  test("that is asked in https and speaks http is told with the way out", async () => {
    const server = await serve([]);
    const reason = await unreachable(server.baseUrl.replace("http:", "https:"), never);
    expect(reason).toMatch(/^(EPROTO|ERR_SSL\w*): .*give the base URL with http:\/\//);
  });

  test("silence ends with the signal", async () => {
    const { baseUrl } = await serve([], { models: stalledHeaders() });
    const list = await listModels(baseUrl, key, {}, AbortSignal.timeout(200));
    expect(list.ok).toBe(false);
  });
});
