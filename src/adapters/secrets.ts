/**
 * Words of a server, made fit to be kept and shown.
 *
 * Owns the key and the headers that must not leave, in every form in which a server may echo them. Knows nothing of
 * what the words mean.
 */

const longestQuote = 500;
/** A shorter one may be an ordinary word, such as local servers are given: replies are not searched for it. */
const shortestSecret = 16;

export class Secrets {
  readonly #key: string | null;
  readonly #headers: readonly string[];

  /** `headers` are those that were set beside the key: each may hold a secret of its own. */
  constructor(key: string | null, headers: Readonly<Record<string, string>>) {
    this.#key = key;
    // "Bearer SECRET" is echoed without its first word.
    this.#headers = Object.values(headers)
      .flatMap((value) => [value.trim(), value.trim().split(/\s+/).at(-1) ?? ""])
      .filter((value) => value.length >= shortestSecret);
  }

  /** What a server said, fit for one line of an error: without secrets, and not too long. */
  quoted(text: string, longest = longestQuote): string {
    const plain = isHtml(text) ? (/<title>([^<]*)/i.exec(text)?.[1] ?? "an HTML page") : text;
    const safe = this.#key === null ? plain : struckOut(plain, this.#key, "[key]");
    // Neither a second line nor anything that moves a terminal's cursor.
    const line = this.#withoutHeaders(safe)
      .replace(/[\s\p{Cc}\u2028\u2029]+/gu, " ")
      .trim();
    return line.length > longest ? `${line.slice(0, longest)}…` : line;
  }

  /** The same text unless it holds a secret that can be no ordinary word. */
  without(text: string): string {
    const key = this.#key ?? "";
    return this.#withoutHeaders(key.length < shortestSecret ? text : struckOut(text, key, "[key]"));
  }

  #withoutHeaders(text: string): string {
    return this.#headers.reduce((rest, value) => struckOut(rest, value, "[header]"), text);
  }
}

/** Whether a body is a web page. */
export function isHtml(body: string): boolean {
  return /^\s*<(!doctype|html|head|body)/i.test(body);
}

// --- internal ---

/** The text with a secret struck out, in each form in which it may have been echoed. */
function struckOut(text: string, secret: string, mark: string): string {
  const bytes = Buffer.from(secret);
  const inJson = (value: string) => JSON.stringify(value).slice(1, -1);
  const forms = new Set([
    // A reply may hold JSON that holds JSON.
    inJson(inJson(secret)),
    inJson(secret),
    inJson(secret).replaceAll("/", "\\/"),
    secret,
    encodeURIComponent(secret),
    bytes.toString("base64").replace(/=+$/, ""),
    bytes.toString("base64url"),
  ]);
  return [...forms].reduce((rest, form) => rest.replaceAll(form, mark), text);
}
