/** Whole JSON that says strange things. */
import { json } from "../../model-server.ts";
import { bytes, completion, goodText, megabyte, message, type Row, typed, usage, words } from "./parts.ts";

export const content: readonly Row[] = [
  ...([null, true, 7, "text", [], {}, [[]]] as const).map(
    (value): Row => [`the JSON ${JSON.stringify(value)}`, "error", json(200, value)],
  ),
  ...([null, "text", 3, {}, [], [null], ["text"], [3], [[]], [{}]] as const).map(
    (choices): Row => [
      `choices that are ${JSON.stringify(choices)}`,
      Array.isArray(choices) && choices.length > 0 ? null : "error",
      json(200, completion({ choices })),
    ],
  ),
  ...([null, "text", 3, [], {}] as const).map(
    (value): Row => [`a message that is ${JSON.stringify(value)}`, null, message(value)],
  ),
  ...([undefined, null, 3, true, {}, [], [null, 3, "text"], { text: "text" }] as const).map(
    (value): Row => [
      `content that is ${JSON.stringify(value) ?? "missing"}`,
      null,
      message({ role: "assistant", content: value }),
    ],
  ),
  [
    "content in parts",
    "reply",
    message({ content: [{ type: "text", text: words }, { type: "image_url" }, null] }),
  ],
  ["empty content", null, message({ content: "" })],
  ["content of spaces", null, message({ content: " \n".repeat(500) })],
  ["content of a megabyte", "reply", message({ content: megabyte })],
  ["content of zero bytes and escapes", "reply", message({ content: `\0\u001b[2J\u0007${words}\u2028` })],
  ["half of a surrogate pair", "reply", bytes(200, goodText.replace("early", "\\ud800 early"), typed)],
  ["a thought that never ends", null, message({ content: `<think>${megabyte}` })],
  ["thoughts within thoughts", null, message({ content: `${"<think>".repeat(20_000)}${words}` })],
  ["thoughts closed again and again", null, message({ content: `${"</think>".repeat(20_000)}${words}` })],
  ["a thought and nothing else", null, message({ content: "<think>Hm.</think>" })],
  ["only thoughts apart", null, message({ content: null, reasoning_content: "Hm." })],
  ["thoughts that are no text", "reply", message({ content: words, reasoning: 3, reasoning_content: [{}] })],
  ["a refusal", "reply", message({ content: null, refusal: "I cannot help with that." })],
  [
    "a call of tools",
    null,
    message(
      { content: null, tool_calls: [{ id: "1", function: { name: "f", arguments: "{" } }] },
      "tool_calls",
    ),
  ],
  ["a call of a function of old", null, message({ function_call: "yes" }, "function_call")],
  ["audio", null, message({ content: null, audio: { data: "AAAA" } })],
  ...([null, undefined, 3, {}, [], "", "no such reason", megabyte] as const).map(
    (reason, at): Row => [`finish reason ${at}`, "reply", message({ content: words }, reason)],
  ),
  ...(["error", "abort", "insufficient_system_resource", "MALFORMED_FUNCTION_CALL"] as const).map(
    (reason): Row => [`broken off: ${reason}`, "error", message({ content: words }, reason)],
  ),
  [
    "an error in the choice",
    "error",
    json(200, completion({ choices: [{ message: { content: words }, error: "gone" }] })),
  ],
  ["an error beside the choice", "error", json(200, completion({ error: { message: "gone" } }))],
  ["cut by the length limit", "reply", message({ content: words }, "length")],
  ["cut by a filter", "reply", message({ content: null }, "content_filter")],
  ...(
    [
      null,
      "many",
      [],
      { prompt_tokens: -5, completion_tokens: -7 },
      { prompt_tokens: 1e300, completion_tokens: 1e300 },
      { prompt_tokens: 0.5, completion_tokens: "7" },
      { prompt_tokens: null, completion_tokens: {} },
      { prompt_tokens: 2 ** 53, completion_tokens: 7 },
      { ...usage, prompt_tokens_details: 3, completion_tokens_details: { reasoning_tokens: -1 } },
      { ...usage, prompt_tokens_details: { cached_tokens: 1e9 }, completion_tokens_details: [] },
      { ...usage, prompt_cache_hit_tokens: "all", completion_tokens_details: { reasoning_tokens: 1e9 } },
    ] as const
  ).map((value, at): Row => [`usage of garbage ${at}`, "reply", json(200, completion({ usage: value }))]),
  ["a model's name of a megabyte", "reply", json(200, completion({ model: megabyte }))],
  ["a model's name that is none", "reply", json(200, completion({ model: { name: "x" } }))],
  ["a model's name of several lines", "reply", json(200, completion({ model: "a\r\nb\u001b[31m" }))],
  ["ids and times of garbage", "reply", json(200, completion({ id: {}, object: 3, created: "today" }))],
  [
    "ten choices",
    "reply",
    json(
      200,
      completion({
        choices: Array.from({ length: 10 }, (_, index) => ({ index, message: { content: words } })),
      }),
    ),
  ],
  ["a choice with text of old", null, json(200, completion({ choices: [{ text: words }] }))],
  [
    "members named __proto__",
    "reply",
    bytes(
      200,
      goodText.replaceAll(
        "{",
        '{"__proto__": {"polluted": true}, "constructor": {"prototype": {"polluted": true}},',
      ),
      typed,
    ),
  ],
  ["a whole that has only __proto__", "error", bytes(200, `{"__proto__": ${goodText}}`, typed)],
  [
    "toString and toJSON as members",
    null,
    message({ content: words, toString: 3, toJSON: 4, valueOf: null }),
  ],
  ["an error with success", "error", json(200, { error: { message: "out of memory", code: 500 } })],
  ["an error of text with success", "error", json(200, { error: "out of memory" })],
  ["an error of nothing beside a reply", "reply", json(200, completion({ error: null }))],
  ["an error without words", "error", json(400, { error: {} })],
  [
    "an error of several lines",
    "error",
    json(400, { error: { message: "one\r\ntwo\n\u001b[31mthree\u0007\u2028four" } }),
  ],
  ["an error of a megabyte", "error", json(400, { error: { message: megabyte } })],
  [
    "an error in a list",
    "error",
    json(400, [{ error: { code: 400, message: "one", status: "INVALID_ARGUMENT" } }]),
  ],
  ["an error that is a number", "error", json(400, { error: 42 })],
  ["an error that is true", "error", json(500, { error: true })],
  [
    "an error with a message in a message",
    "error",
    json(400, { error: { message: { message: { message: "deep" } } } }),
  ],
  [
    "an error that names every member",
    "error",
    json(400, {
      error: {
        message: "model, messages, seed, temperature, max_tokens, response_format, stream are unknown",
      },
    }),
  ],
  [
    "an error that names no member there is",
    "error",
    json(400, {
      error: { message: "Unsupported parameter: 'wings'", param: "wings", code: "unsupported_parameter" },
    }),
  ],
  [
    "an error that wants another member again and again",
    "error",
    json(400, {
      error: {
        message: "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead.",
        param: "max_tokens",
      },
    }),
  ],
  [
    "an error that wants messages gone",
    "error",
    json(400, {
      error: {
        message: "Unsupported parameter: 'messages'",
        param: "messages",
        code: "unsupported_parameter",
      },
    }),
  ],
];
