/** A key never leaves in any form in which a server may echo it. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Secrets } from "../../src/models/secrets.ts";

const inJson = (text: string) => JSON.stringify(text).slice(1, -1);
const percent = (text: string, isSmall: boolean) =>
  Array.from(Buffer.from(text), (byte) => {
    const hex = byte.toString(16).padStart(2, "0");
    return `%${isSmall ? hex : hex.toUpperCase()}`;
  }).join("");
const smallPercents = (text: string) => text.replace(/%[0-9A-F]{2}/g, (each) => each.toLowerCase());
const escaped = (text: string) =>
  Array.from(
    { length: text.length },
    (_, at) => `\\u${text.charCodeAt(at).toString(16).padStart(4, "0")}`,
  ).join("");

/** Every way to write a text that a server, a proxy or a page has. */
const forms: Readonly<Record<string, (text: string) => string>> = {
  "as it stands": (text) => text,
  "in JSON": inJson,
  "in JSON within JSON": (text) => inJson(inJson(text)),
  "in JSON with escaped slashes": (text) => inJson(text).replaceAll("/", "\\/"),
  "in JSON, every character escaped": escaped,
  "as a part of a URL": encodeURIComponent,
  "as a part of a URL, in small letters": (text) => smallPercents(encodeURIComponent(text)),
  "as a path of a URL": encodeURI,
  "as a path of a URL, in small letters": (text) => smallPercents(encodeURI(text)),
  "as a path of a URL, by URL itself": (text) =>
    new URL(`http://h/${encodeURIComponent(text)}/v1`).pathname.slice(1, -3),
  "as the value of a form": (text) => new URLSearchParams({ k: text }).toString().slice(2),
  "in percents, every character": (text) => percent(text, false),
  "in percents, every character, in small letters": (text) => percent(text, true),
  "in percents twice": (text) => encodeURIComponent(encodeURIComponent(text)),
  "in percents twice, in small letters": (text) => smallPercents(encodeURIComponent(percent(text, true))),
  "in percents, and then in JSON": (text) => inJson(percent(text, true)),
  "as a page writes it": (text) =>
    text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;"),
  "as numbers of a page": (text) => Array.from(text, (each) => `&#${each.codePointAt(0)};`).join(""),
  "in base 64": (text) => Buffer.from(text).toString("base64").replace(/=+$/, ""),
  "in base 64 of URLs": (text) => Buffer.from(text).toString("base64url"),
  "in base 64, in percents": (text) =>
    smallPercents(encodeURIComponent(Buffer.from(text).toString("base64"))),
};

/** What a header may carry, every character of it that is written otherwise somewhere among them. */
const key = fc.string({
  unit: fc.constantFrom(..."abcXYZ019-_.~+/=%&\"'\\<>()[]{}*?^$|:;,@! #é".split("")),
  minLength: 16,
  maxLength: 40,
});

describe("a key", () => {
  it.each(Object.entries(forms))("is struck out %s", (_name, write) => {
    fc.assert(
      fc.property(key, fc.constantFrom("Bearer ", "/v1/", '{"k":"', "%", "x\\", ""), (secret, before) => {
        const echo = write(secret);
        for (const clean of [
          new Secrets(secret, {}).quoted(`${before}${echo}/chat said no`),
          new Secrets(secret, {}).without(`${before}${echo}/chat said no`),
        ])
          expect(clean).not.toContain(echo.trim());
        if (secret.trim() === secret && !/\s/.test(secret))
          expect(new Secrets(null, { "x-key": secret }).without(`${before}${echo} said no`)).toContain(
            "[header]",
          );
      }),
      { numRuns: 40 },
    );
  });

  it("leaves every other word as it is", () => {
    const secrets = new Secrets("sk-0123456789abcdef", { "x-key": "tok/0123456789abcdef" });
    for (const text of [
      "no such route /v1/sk-0123456789/chat",
      "%73%6b-%30",
      "a \\\\ b \\u0073 &amp; 100 % &#115;",
      "",
    ])
      expect(secrets.without(text)).toBe(text);
  });

  it.each(["\\", "%", "%25", "&#", "sk-012345678", "\\u0073", "/"])(
    "is looked for in megabytes of %j in time that grows with them alone",
    (piece) => {
      const text = piece.repeat(4_000_000 / piece.length);
      expect(new Secrets('sk-0123456789/abc"def\\', {}).without(text)).toBe(text);
    },
  );
});
