/** Answers that give the key away again, in every spelling. */
import { type Answer, json } from "../../model-server.ts";
import { bytes, completion, type Row, typed, words } from "./parts.ts";

/** An error that quotes the key in a way of its own. */
function echo(status: number, form: (key: string) => string): Answer {
  return (response, request) => {
    const key = (request.headers.authorization ?? "").replace("Bearer ", "");
    const quoted = form(key);
    json(
      status,
      { error: { message: `Not with ${quoted}`, code: quoted, [quoted]: quoted } },
      {
        "x-echo": encodeURIComponent(quoted),
      },
    )(response, request);
  };
}

/** A reply that quotes the key wherever a text may stand. */
function echoReply(form: (key: string) => string): Answer {
  return (response, request) => {
    const quoted = form((request.headers.authorization ?? "").replace("Bearer ", ""));
    json(
      200,
      completion({
        model: quoted,
        choices: [
          {
            index: 0,
            message: { role: "assistant", content: `${words} ${quoted}`, reasoning: quoted },
            finish_reason: quoted,
          },
        ],
      }),
    )(response, request);
  };
}

/** Text in which each character is written as an escape of JSON. */
function escaped(text: string): string {
  return Array.from(text, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`).join("");
}

export const secrets: readonly Row[] = [
  ["an error that quotes the key", "error", echo(401, (key) => key)],
  ["an error that quotes the key in percents", "error", echo(400, encodeURIComponent)],
  ["an error that quotes the key as JSON", "error", echo(500, (key) => JSON.stringify(key))],
  [
    "an error that quotes the key in Base64",
    "error",
    echo(403, (key) => Buffer.from(key).toString("base64")),
  ],
  [
    "an error that quotes the key as its text",
    "error",
    (response, request) =>
      bytes(500, `Bearer ${request.headers.authorization}`, { "content-type": "text/plain" })(
        response,
        request,
      ),
  ],
  [
    "an error that quotes the key in escapes",
    "error",
    (response, request) =>
      bytes(
        400,
        `{"error": {"message": "${escaped(request.headers.authorization ?? "")}"}}`,
        typed,
      )(response, request),
  ],
  ["a reply that quotes the key", "reply", echoReply((key) => key)],
  ["a reply that quotes the key in percents", "reply", echoReply(encodeURIComponent)],
  ["a reply that quotes the key as JSON", "reply", echoReply((key) => JSON.stringify(key))],
  ["a reply that quotes the key in Base64", "reply", echoReply((key) => Buffer.from(key).toString("base64"))],
  [
    "a redirect that quotes the key",
    "error",
    (response, request) =>
      bytes(302, "", {
        location: `http://127.0.0.1/${encodeURIComponent(request.headers.authorization ?? "")}/v1/chat/completions`,
      })(response, request),
  ],
];
