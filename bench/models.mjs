/**
 * What the client of a model server adds to a call, and what reading a reply takes.
 *
 * Owns the server these are measured against and the replies in them. Prints nothing: bench.mjs shows the rows.
 */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, request } from "node:http";
import { OpenAIChat } from "../dist/models/openai-chat.js";
import { systemClock } from "../dist/system/clock.js";
import { randomStream } from "../dist/search/random.js";
import { Space } from "../dist/search/space.js";
import { readArchitectures } from "../dist/searchers/generator.js";
import { writeArchitecture } from "../dist/searchers/prompts.js";

const calls = 300;
const megabyte = 1024 * 1024;
const never = new AbortController().signal;
const median = (values) => [...values].sort((first, second) => first - second)[Math.floor(values.length / 2)];
const milliseconds = (value) => `${value.toFixed(1)} ms`;

/** Calls through the client beside the same bytes through node:http, in turn. */
export async function callRows() {
  const reply = JSON.stringify({
    model: "m",
    choices: [{ message: { role: "assistant", content: "word ".repeat(400) }, finish_reason: "stop" }],
    usage: { prompt_tokens: 1, completion_tokens: 1 },
  });
  let sent = 0;
  const server = createServer((incoming, response) => {
    incoming.resume();
    const answer = async () => {
      response.setMaxListeners(0);
      response.writeHead(200, { "content-type": "application/json" });
      if (!incoming.url.includes("endless")) return response.end(reply);
      const piece = Buffer.alloc(megabyte, " ");
      for (sent = 0; sent < 50 && !response.destroyed; sent++)
        if (!response.write(piece)) await Promise.race([once(response, "drain"), once(response, "close")]);
      response.end();
    };
    incoming.on("end", () => void answer());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const origin = `http://127.0.0.1:${server.address().port}`;
  const messages = [{ role: "user", content: "prompt ".repeat(1_000) }];
  const asked = { role: "navigator", round: 1, attempt: 1, messages, schema: null, seed: 1 };
  const chat = chatAt(`${origin}/v1`);
  const ours = [];
  const bare = [];
  for (let call = 0; call < calls + 20; call++) {
    let begin = performance.now();
    await chat.reply(asked, never);
    if (call >= 20) ours.push(performance.now() - begin);
    begin = performance.now();
    JSON.parse(await post(`${origin}/v1/chat/completions`, JSON.stringify({ model: "m", messages })));
    if (call >= 20) bare.push(performance.now() - begin);
  }
  const refused = await chatAt(`${origin}/endless`)
    .reply(asked, never)
    .catch((error) => error);
  server.close();
  server.closeAllConnections();
  return [
    [
      `client of a model server above node:http, median of ${calls} calls in turn`,
      milliseconds(median(ours) - median(bare)),
      "under 5 ms",
    ],
    [
      `a reply of 50 MB is given up (${refused instanceof Error ? refused.name : "no error"}) after`,
      `${sent} MB sent`,
      "early",
    ],
  ];
}

/** Replies of one megabyte, in the spaces of the vectors. */
export function readingRows() {
  const { spaces } = JSON.parse(
    readFileSync(new URL("../proto/vectors/spelling.json", import.meta.url), "utf8"),
  );
  const described = Object.entries(spaces).map(([id, space]) => ({
    id,
    summary: "",
    digest: id,
    template: "",
    metrics: [{ name: "accuracy", unit: "percent", meaning: "", higherIsBetter: true }],
    costs: [],
    splits: [],
    parallelism: 1,
    maxBatch: 100,
    ...space,
    dimensions: space.dimensions.map((dimension) => ({ meaning: "", slotNames: [], ...dimension })),
  }));
  return described.flatMap((description) => {
    const space = new Space(description);
    const items = Array.from({ length: 50 }, (_, index) =>
      writeArchitecture(space, space.sample(randomStream(index, "reading")), "choice"),
    );
    const list = [];
    for (let size = 0; size < megabyte; ) {
      const item = items[list.length % items.length];
      list.push(item);
      size += item.length + 2;
    }
    const plain = `{"architectures": [${list.join(", ")}]}`;
    return Object.entries({
      "as asked": plain,
      "amid prose": `Here they are:\n\n\`\`\`json\n${plain}\n\`\`\`\nGood luck.`,
      "cut off": plain.slice(0, -20),
    }).map(([form, content]) => {
      const read = readArchitectures(space);
      const times = Array.from({ length: 9 }, () => {
        const begin = performance.now();
        read({ content, finishReason: "stop" });
        return performance.now() - begin;
      });
      return [
        `reading a reply of 1 MB, ${form}, space ${description.id}`,
        milliseconds(median(times)),
        "under 50 ms",
      ];
    });
  });
}

function chatAt(baseUrl) {
  return new OpenAIChat({
    model: "m",
    baseUrl,
    apiKey: null,
    keyVariable: "KEY",
    temperature: 0.6,
    topP: null,
    maxTokens: null,
    timeoutSeconds: 60,
    retries: 0,
    clock: systemClock,
    onRetry: () => {},
  });
}

async function post(url, body) {
  const outgoing = request(url, { method: "POST", headers: { "content-type": "application/json" } });
  outgoing.end(body);
  const [incoming] = await once(outgoing, "response");
  let text = "";
  for await (const chunk of incoming) text += chunk;
  return text;
}
