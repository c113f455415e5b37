/**
 * A key and a secret header against a server that repeats them in whatever it says: they stand in no file of a run, in
 * no report and in nothing that is printed, however they are spelt.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  collmNas,
  evaluator,
  type Ended,
  events,
  newRun,
  temporaryFile,
  temporaryFolder,
} from "../support/cli.ts";
import {
  type Answer,
  chat,
  json,
  type ModelRequest,
  type ModelServer,
  playRoles,
  raw,
  startModelServer,
} from "../support/model-server.ts";
import { casesOf } from "../support/sweep.ts";

// Characters that JSON, URLs and Base64 each spell in another way.
const secrets = {
  TEST_KEY: 'sk-"t\\e/s+t=&%0123456789abcdef',
  TEST_HEADER: 'hd-"h\\e/a+d=&%fedcba9876543210',
};

const spellings: Readonly<Record<string, (secret: string) => string>> = {
  plain: (secret) => secret,
  "as JSON": (secret) => JSON.stringify(secret).slice(1, -1),
  "in percents": encodeURIComponent,
  "in Base64": (secret) => Buffer.from(secret).toString("base64"),
};

/** What a server was told in secret, in every spelling. */
function overheard({ headers }: ModelRequest): string {
  const key = (headers.authorization ?? "").replace("Bearer ", "");
  const spelt = [key, String(headers["x-api-key"] ?? "")].flatMap((secret) =>
    Object.values(spellings).map((spell) => spell(secret)),
  );
  return [`Bearer ${key}`, ...spelt].join(" ");
}

const good = playRoles();

/** A reply with secrets in its content, thoughts, model and reason. */
const talkative: Answer = (response, request) => {
  const heard = overheard(request);
  const isArchitectures = request.body.response_format !== undefined;
  const op = ["none", heard, "nor_conv_3x3", "none", "none", "none"];
  const content = isArchitectures
    ? JSON.stringify({ architectures: [{ op }, { [heard]: op }, heard] })
    : `## Summary\n\nSearch widely, and remember ${heard}.\n\n## Directions\n\n### op\n${heard}`;
  return chat(content, {
    message: { reasoning: heard, reasoning_content: heard },
    model: heard,
    finishReason: heard,
  })(response, request);
};

/** A failure with secrets in its words, its members and its headers. */
function failing(status: number): Answer {
  return (response, request) => {
    const heard = overheard(request);
    const bearer = encodeURIComponent(heard);
    json(
      status,
      { error: { message: `Not with ${heard}`, type: heard, code: heard, [heard]: heard } },
      {
        "x-echo": bearer,
        "set-cookie": bearer,
        "www-authenticate": bearer,
        // A server that says how long to wait is waited for without end.
        ...(status === 429 ? {} : { "retry-after": "0.01" }),
      },
    )(response, request);
  };
}

async function serve(script: (request: ModelRequest, index: number) => Answer): Promise<ModelServer> {
  const server = await startModelServer(script);
  onTestFinished(() => server.close());
  return server;
}

async function search(server: ModelServer, run: string, model = ""): Promise<Ended> {
  const file = temporaryFile(
    "search.yaml",
    `space: analognas-baseline
budget: 12
candidates: {min: 6, max: 6}
model:
  name: some-model
  baseUrl: "${server.baseUrl}"
  keyVariable: TEST_KEY
  headers: {x-api-key: $TEST_HEADER}
  retries: 2
${model}`,
  );
  return await collmNas(["run", file, "--evaluator", evaluator.address, "--out", run], { env: secrets });
}

/** Every file of a folder, those that are packed unpacked. */
function textsIn(folder: string): Map<string, string> {
  const texts = new Map<string, string>();
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    const path = join(folder, name);
    if (!statSync(path).isFile()) continue;
    const bytes = readFileSync(path);
    texts.set(name, (name.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8"));
  }
  return texts;
}

function expectNoSecret(texts: ReadonlyMap<string, string>): void {
  const found = [...texts].flatMap(([where, text]) =>
    Object.entries(secrets).flatMap(([name, secret]) =>
      Object.entries(spellings)
        // Padding and what stood before change the last letters of Base64, not those in the middle.
        .map(([how, spell]) => [how, spell(secret).replace(/=+$/, "")] as const)
        .filter(([, spelt]) => text.includes(spelt))
        .map(([how]) => `${name} ${how} in ${where}`),
    ),
  );
  expect(found).toEqual([]);
}

/** All that a person can have written and shown of a run. */
async function allOf(run: string, ended: Ended): Promise<Map<string, string>> {
  const texts = textsIn(run);
  const keep = (name: string, { stdout, stderr }: Pick<Ended, "stdout" | "stderr">) => {
    texts.set(`stdout of ${name}`, stdout);
    texts.set(`stderr of ${name}`, stderr);
  };
  keep("run", ended);
  const shows = [[], ["--json"], ["--round", "1"], ["--round", "2"]];
  for (const flags of shows)
    keep(`show ${flags.join(" ")}`, await collmNas(["show", run, ...flags], { env: secrets }));
  keep("replay", await collmNas(["replay", run], { env: secrets }));
  const folder = temporaryFolder();
  const [html, markdown, csv] = ["r.html", "r.md", "csv"].map((name) => join(folder, name));
  const flags = ["--out", `${html}`, "--markdown", `${markdown}`, "--csv", `${csv}`];
  keep("report", await collmNas(["report", run, ...flags], { env: secrets }));
  for (const [name, text] of textsIn(folder)) texts.set(name, text);
  return texts;
}

describe.each([
  ["whole replies", "", [401, 429, 500]],
  ["replies as a stream", "  stream: true\n", [422, 500]],
])("with %s", (_how, model, few) => {
  test("a search that succeeds in spite of a talkative server holds no secret", async () => {
    const server = await serve((request, index) => {
      if (index % 4 === 1) return failing(429);
      if (index % 4 === 2) return failing(500);
      return index < 8 || request.body.response_format === undefined ? talkative : good(request);
    });
    const run = newRun();
    const ended = await search(server, run, model);
    expect(ended.code, ended.stderr).toBe(0);
    for (const { headers } of server.requests) {
      expect(headers.authorization).toBe(`Bearer ${secrets.TEST_KEY}`);
      expect(headers["x-api-key"]).toBe(secrets.TEST_HEADER);
    }
    const texts = await allOf(run, ended);
    for (const name of ["journal.jsonl", "r.html", "r.md"]) expect([...texts.keys()]).toContain(name);
    expect([...texts.keys()].some((name) => name.endsWith(".csv"))).toBe(true);
    // That the server did repeat them shows in what stands in their place.
    expect(texts.get("journal.jsonl")).toContain("[key]");
    expect(texts.get("journal.jsonl")).toContain("[header]");
    expectNoSecret(texts);
  });

  test.each(casesOf({ few, all: [400, 401, 403, 404, 422, 429, 500] }))(
    "a search that ends with %i holds no secret",
    async (status) => {
      const server = await serve((request, index) => (index < 2 ? good(request) : failing(status)));
      const run = newRun();
      const ended = await search(server, run, model);
      expect(ended.code, ended.stderr).toBe(3);
      expect(ended.stderr).toContain("Not with Bearer [key]");
      expectNoSecret(await allOf(run, ended));
    },
  );
});

test("a redirect that carries secrets is not shown with them", async () => {
  const server = await serve(() => (response, request) => {
    raw(302, "", { location: `http://127.0.0.1:9/${encodeURIComponent(overheard(request))}` })(
      response,
      request,
    );
  });
  const run = newRun();
  const ended = await search(server, run);
  expect(ended.code, ended.stderr).toBe(3);
  expectNoSecret(new Map([["stderr", ended.stderr], ["stdout", ended.stdout], ...textsIn(run)]));
});

test("a secret header whose variable is not set is refused before anything is asked", async () => {
  const server = await serve((request) => good(request));
  const file = temporaryFile(
    "search.yaml",
    `space: analognas-baseline\nmodel: {name: m, baseUrl: "${server.baseUrl}", headers: {x-api-key: $NOT_SET_ANYWHERE}}\n`,
  );
  const ended = await collmNas(["run", file, "--evaluator", evaluator.address, "--out", newRun()]);
  expect(ended.code, ended.stderr).toBe(2);
  expect(ended.stderr).toContain("NOT_SET_ANYWHERE");
  expect(server.requests).toHaveLength(0);
});

test("the record says where a header is taken from, so that the run can be resumed", async () => {
  const server = await serve((request, index) => (index < 2 ? good(request) : failing(400)));
  const run = newRun();
  expect((await search(server, run)).code).toBe(3);
  expect(JSON.stringify(events(run)[0])).toContain("$TEST_HEADER");
  const healthy = await serve((request) => good(request));
  const resumed = await collmNas(["resume", run, "--base-url", healthy.baseUrl], { env: secrets });
  expect(resumed.code, resumed.stderr).toBe(0);
  for (const { headers } of healthy.requests) expect(headers["x-api-key"]).toBe(secrets.TEST_HEADER);
  expectNoSecret(await allOf(run, resumed));
});
