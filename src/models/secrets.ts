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
  readonly #key: Secret | null;
  readonly #headers: readonly Secret[];

  /** `headers` are those that were set beside the key: each may hold a secret of its own. */
  constructor(key: string | null, headers: Readonly<Record<string, string>>) {
    this.#key = key === null ? null : secretOf(key, "[key]");
    // "Bearer SECRET" is echoed without its first word.
    this.#headers = Object.values(headers)
      .flatMap((value) => [value.trim(), value.trim().split(/\s+/).at(-1) ?? ""])
      .filter((value) => value.length >= shortestSecret)
      .map((value) => secretOf(value, "[header]"));
  }

  /** What a server said, fit for one line of an error: without secrets, and not too long. */
  quoted(text: string, longest = longestQuote): string {
    const plain = isHtml(text) ? (/<title>([^<]*)/i.exec(text)?.[1] ?? "an HTML page") : text;
    const safe = this.#key === null ? plain : struckOut(plain, this.#key);
    // Neither a second line nor anything that moves a terminal's cursor.
    const line = this.#withoutHeaders(safe)
      .replace(/[\s\p{Cc}\u2028\u2029]+/gu, " ")
      .trim();
    return line.length > longest ? `${line.slice(0, longest)}…` : line;
  }

  /** The same text unless it holds a secret that can be no ordinary word. */
  without(text: string): string {
    const isWord = this.#key === null || this.#key.length < shortestSecret;
    return this.#withoutHeaders(isWord ? text : struckOut(text, this.#key));
  }

  #withoutHeaders(text: string): string {
    return this.#headers.reduce(struckOut, text);
  }
}

/** Whether a body is a web page. */
export function isHtml(body: string): boolean {
  return /^\s*<(!doctype|html|head|body)/i.test(body);
}

// --- internal ---

interface Secret {
  readonly length: number;
  /** What matches each form in which it may have been echoed. */
  readonly echoes: readonly RegExp[];
  readonly mark: string;
}

function secretOf(text: string, mark: string): Secret {
  const bytes = Buffer.from(text);
  const forms = [text, bytes.toString("base64").replace(/=+$/, ""), bytes.toString("base64url")];
  const echoes = [...new Set(forms)].filter((form) => form !== "").map(echoOf);
  return { length: text.length, echoes, mark };
}

/** The text with a secret struck out, in each form in which it may have been echoed. */
function struckOut(text: string, { echoes, mark }: Secret): string {
  return echoes.reduce((rest, echo) => rest.replace(echo, () => mark), text);
}

/**
 * Matches a text as JSON, a URL or a web page may write it, character by character: as it is, after backslashes, as
 * an escape of JSON (also in JSON that holds JSON), percent-encoded in capitals or small letters, once or again, or as an
 * entity. Searching takes time in proportion to the text: every repetition is bounded.
 */
function echoOf(form: string): RegExp {
  return new RegExp(Array.from(form, echoOfCharacter).join(""), "gu");
}

function echoOfCharacter(character: string): string {
  const anyCase = (hex: string) => hex.replace(/[a-f]/g, (letter) => `[${letter}${letter.toUpperCase()}]`);
  const hexOf = (code: number, length: number) => anyCase(code.toString(16).padStart(length, "0"));
  const literal = character.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
  const asItStands =
    character === "\\" ? "\\\\{1,8}" : /["/]/.test(character) ? `\\\\{0,8}${literal}` : literal;
  const inUrl = Array.from(Buffer.from(character), (byte) => `%(?:25){0,4}${hexOf(byte, 2)}`).join("");
  const inJson = Array.from(
    { length: character.length },
    (_, unit) => `\\\\{1,8}u${hexOf(character.charCodeAt(unit), 4)}`,
  ).join("");
  const code = character.codePointAt(0) ?? 0;
  const named = { "&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos" }[character];
  const inPage = [`#${code}`, `#[xX]0{0,4}${hexOf(code, 1)}`, ...(named === undefined ? [] : [named])].join(
    "|",
  );
  // Forms send a plus for a blank.
  const sent = character === " " ? "|\\+" : "";
  return `(?:${asItStands}|${inUrl}|${inJson}${sent}|&(?:${inPage});)`;
}
