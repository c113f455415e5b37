/** Whom the live page's server answers, and what it never gives. */
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../support/cli.ts";
import { writeRun } from "../support/live-runs.ts";
import { record, type Started, serve, ask, entryOf } from "../support/dashboard-server.ts";

describe("whom the server answers", () => {
  let server: Started;

  beforeAll(async () => {
    const folder = temporaryFolder();
    writeRun(join(folder, "a"), record);
    server = await serve(folder);
  });

  it.each([["127.0.0.1"], ["localhost"], ["[::1]"]])("whoever asks for %s", async (name) => {
    const { status } = await ask(server, "/", { headers: { Host: `${name}:${server.port}` } });
    expect(status).toBe(200);
  });

  it("nobody who takes it for another server", async () => {
    for (const host of ["evil.example", `evil.example:${server.port}`, "127.0.0.1.nip.io"]) {
      const { status } = await ask(server, "/api/token", { headers: { Host: host } });
      expect(status, host).toBe(421);
    }
  });

  it("no other site's page", async () => {
    for (const headers of [
      { Origin: "http://evil.example" },
      { Origin: "null" },
      { Origin: `https://127.0.0.1:${server.port}` },
      { "Sec-Fetch-Site": "cross-site" },
      { "Sec-Fetch-Site": "same-site" },
    ]) {
      for (const path of ["/", "/api/runs", await entryOf(server)])
        expect((await ask(server, path, { headers: headers })).status).toBe(403);
    }
    const own = { Origin: server.origin, "Sec-Fetch-Site": "same-origin" };
    expect((await ask(server, "/style.css", { headers: own })).status).toBe(200);
  });

  it("only what it is asked for in its own way", async () => {
    for (const [method, path] of [
      ["POST", "/"],
      ["HEAD", "/"],
      ["OPTIONS", "/api/runs"],
      ["PUT", "/api/token"],
      ["DELETE", "/api/runs/a/steer"],
      ["GET", "/api/token"],
      ["POST", "/api/runs/a/events"],
    ] as const)
      expect((await ask(server, path, { method })).status, `${method} ${path}`).toBe(405);
  });

  it("under headers that let nothing else in", async () => {
    for (const path of ["/", "/style.css", "/favicon.svg", await entryOf(server), "/nothing"]) {
      const { headers } = await ask(server, path);
      expect(headers, path).toMatchObject({
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
      });
      expect(headers["content-security-policy"]).toMatch(/^default-src 'none'; script-src 'self';/);
      expect(headers["content-security-policy"]).not.toContain("unsafe");
      expect(headers["access-control-allow-origin"]).toBeUndefined();
    }
  });

  it("with files that a browser keeps until they change", async () => {
    const path = "/style.css";
    const first = await ask(server, path);
    expect(first.headers).toMatchObject({
      "cache-control": "no-cache",
      "content-type": "text/css; charset=utf-8",
    });
    const tag = first.headers["etag"] as string;
    expect(await ask(server, path, { headers: { "If-None-Match": tag } })).toMatchObject({
      status: 304,
      body: "",
    });
    expect((await ask(server, path, { headers: { "If-None-Match": '"other"' } })).body).toBe(first.body);
  });

  it("with modules that a browser keeps for good, and their source maps", async () => {
    const path = await entryOf(server);
    expect(path).toMatch(/^\/page\/main-[A-Z0-9]{8}\.js$/);
    const { headers, body } = await ask(server, path);
    expect(headers).toMatchObject({
      "cache-control": "max-age=31536000, immutable",
      "content-type": "text/javascript; charset=utf-8",
    });
    const [, map] = /^\/\/# sourceMappingURL=(.+)$/m.exec(body) ?? [];
    const { sources } = JSON.parse((await ask(server, `/page/${map}`)).body) as { sources: string[] };
    expect(sources.join(" ")).toContain("src/dashboard/page/main.ts");
  });
});

describe("what is outside the folder", () => {
  let server: Started;

  beforeAll(async () => {
    const outside = temporaryFolder();
    writeRun(join(outside, "secret"), record);
    const folder = join(outside, "runs");
    mkdirSync(folder);
    writeRun(join(folder, "a"), record);
    symlinkSync(join(outside, "secret"), join(folder, "link"));
    server = await serve(folder);
  });

  it.each([
    "/api/runs/../events",
    "/api/runs/../secret/events",
    "/api/runs/..%2Fsecret/events",
    "/api/runs/..%2fsecret/events",
    "/api/runs/%2e%2e%2fsecret/events",
    "/api/runs/%2e%2e/secret/events",
    "/api/runs/%252e%252e%252fsecret/events",
    "/api/runs/..%5Csecret/events",
    "/api/runs/a%2F..%2F..%2Fsecret/events",
    "/api/runs/.%2Fa/events",
    "/api/runs/a%00/events",
    "/api/runs/%00/events",
    "/api/runs/%2Fetc/events",
    "/api/runs/%2Fproc%2Fself/events",
    "/api/runs/link/events",
    "/api/runs/%FF/events",
    "/api/runs/%/events",
    "/page/",
    "/page/files.json",
    "/page/..%2fserver.js",
    "/page/%2e%2e/server.js",
    "/page/../../cli.js",
    "/page/..%2f..%2f..%2fpackage.json",
    "/page//etc/passwd",
    "/page/%00.js",
    "/page/toString",
    "/page/__proto__",
    "/dashboard/server.js",
    "/node_modules/zod/package.json",
    "//etc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
  ])("is not there: %s", async (path) => {
    const { status, body } = await ask(server, path);
    expect(status).toBe(404);
    expect(body).not.toContain("run-started");
  });
});
