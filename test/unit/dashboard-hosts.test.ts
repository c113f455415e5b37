/** Under which names the page's server answers: this machine's own, whatever the port, and never another site's. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { serverOf } from "../../src/dashboard/server.ts";
import type { PageFiles } from "../../src/dashboard/page-files.ts";

const files: PageFiles = { atOnce: [], later: [], texts: new Map() };

/** A server without runs that answers to one name beside loopback addresses. */
const server = serverOf({
  program: "./bin/collm-nas",
  catalog: {
    changes: async function* () {},
    has: async () => false,
    follow: async function* () {},
    status: async () => null,
    order: async () => ({ answer: { ok: false, words: "" }, isReached: false }),
  },
  files,
  token: null,
  hosts: () => new Set(["box.example:8477"]),
  signal: new AbortController().signal,
  onBug: (stack) => {
    throw new Error(stack);
  },
});

async function statusFor(host: string, origin?: string): Promise<number> {
  const headers = new Headers({ Host: host, ...(origin === undefined ? {} : { Origin: origin }) });
  return (await server.request("http://unused/favicon.svg", { headers })).status;
}

const loopbackNames = fc.oneof(
  fc.constantFrom("localhost", "LocalHost", "127.0.0.1", "[::1]"),
  fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255)).map((parts) => `127.${parts.join(".")}`),
);
const ports = fc.option(fc.integer({ min: 0, max: 65_535 }), { nil: null });
const withPort = (name: string, port: number | null) => (port === null ? name : `${name}:${port}`);

describe("the page's server", () => {
  it("answers to loopback names on any port, as behind a tunnel, and there to its own page alone", async () => {
    await fc.assert(
      fc.asyncProperty(loopbackNames, ports, async (name, port) => {
        const host = withPort(name, port);
        expect(await statusFor(host), host).toBe(200);
        expect(await statusFor(host, `http://${host.toLowerCase()}`), host).toBe(200);
        // Another server of this machine, on a port of its own.
        expect(
          await statusFor(host, `http://${withPort(name.toLowerCase(), port === 3000 ? 1 : 3000)}`),
        ).toBe(403);
        expect(await statusFor(host, "http://evil.example")).toBe(403);
      }),
      { numRuns: 50 },
    );
  });

  it("answers to no name that somebody else could give this machine", async () => {
    const foreign = fc.oneof(
      fc.constantFrom(
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.nip.io",
        "localhost.",
        "app.localhost",
        "notlocalhost",
        "127.0.0.1@evil.example",
        "127.1",
        "127.0.0.999",
        "0.0.0.0",
        "[::]",
        "[::ffff:127.0.0.1]",
        "192.168.0.1",
        "",
      ),
      fc.domain(),
    );
    await fc.assert(
      fc.asyncProperty(foreign, ports, async (name, port) => {
        expect(await statusFor(withPort(name, port)), name).toBe(421);
      }),
      { numRuns: 100 },
    );
    for (const host of [
      "localhost:",
      "localhost:99999",
      "localhost:80:80",
      "localhost:8477/",
      "localhost:0x1f",
    ])
      expect(await statusFor(host), host).toBe(421);
  });

  it("answers to a name of its own on its own port alone", async () => {
    expect(await statusFor("box.example:8477")).toBe(200);
    expect(await statusFor("box.example:8478")).toBe(421);
    expect(await statusFor("box.example")).toBe(421);
  });
});
