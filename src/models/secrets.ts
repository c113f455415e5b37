/**
 * Removes the key and the secret headers from a server's words, so that the words can be stored and shown.
 *
 * Finds a secret in every form in which a server may echo it.
 */
import { cutTo } from "../text/words.ts";

const longestQuote = 500;
/** A shorter key may be an ordinary word, as keys of local servers often are: replies are not searched for it. */
const shortestSecret = 16;

export class Secrets {
  readonly #key: Secret | null;
  readonly #headers: readonly Secret[];

  /** @param headers what is set besides the key: each header may hold another secret */
  constructor(key: string | null, headers: Readonly<Record<string, string>>) {
    this.#key = key === null ? null : secretOf(key, "[key]");
    // "Bearer SECRET" may be echoed without its first word.
    this.#headers = Object.values(headers)
      .flatMap((value) => [value.trim(), value.trim().split(/\s+/).at(-1) ?? ""])
      .filter((value) => value.length >= shortestSecret)
      .map((value) => secretOf(value, "[header]"));
  }

  /** What a server said, in one line for an error: without secrets, and not too long. */
  quoted(text: string, longest = longestQuote): string {
    const plain = isHtml(text) ? (/<title>([^<]*)/i.exec(text)?.[1] ?? "an HTML page") : text;
    const safe = this.#key === null ? plain : withMark(plain, this.#key);
    // No second line, and nothing that moves a terminal's cursor.
    const line = this.#withoutHeaders(safe)
      .replace(/[\s\p{Cc}\u2028\u2029]+/gu, " ")
      .trim();
    return cutTo(line, longest);
  }

  /** The text without secrets. A key that may be an ordinary word stays. */
  without(text: string): string {
    const isWord = this.#key === null || this.#key.length < shortestSecret;
    return this.#withoutHeaders(isWord ? text : withMark(text, this.#key));
  }

  #withoutHeaders(text: string): string {
    return this.#headers.reduce(withMark, text);
  }
}

/** Whether a body is a web page. */
export function isHtml(body: string): boolean {
  return /^\s*<(!doctype|html|head|body)/i.test(body);
}

// --- internal ---

interface Secret {
  readonly length: number;
  /** Matches each form in which the secret may be echoed. */
  readonly echoes: readonly RegExp[];
  readonly mark: string;
}

function secretOf(text: string, mark: string): Secret {
  const bytes = Buffer.from(text);
  const forms = [text, bytes.toString("base64").replace(/=+$/, ""), bytes.toString("base64url")];
  const echoes = [...new Set(forms)].filter((form) => form !== "").map(echoOf);
  return { length: text.length, echoes, mark };
}

/** The text with a secret replaced by its mark, in each form in which it may be echoed. */
function withMark(text: string, { echoes, mark }: Secret): string {
  return echoes.reduce((rest, echo) => rest.replace(echo, () => mark), text);
}

/**
 * Matches a text in any spelling of JSON, a URL or a web page. Each character may be as it is, after backslashes, an
 * escape of JSON (also in JSON within JSON), percent-encoded in capital or small letters, once or several times, or an
 * entity. The time of a search is proportional to the text: every repetition is bounded.
 */
function echoOf(form: string): RegExp {
  return new RegExp(Array.from(form, echoOfCharacter).join(""), "gu");
}

function echoOfCharacter(character: string): string {
  const anyCase = (hex: string) => hex.replace(/[a-f]/g, (letter) => `[${letter}${letter.toUpperCase()}]`);
  const hexOf = (code: number, length: number) => anyCase(code.toString(16).padStart(length, "0"));
  const literal = character.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
  const asItIs = character === "\\" ? "\\\\{1,8}" : /["/]/.test(character) ? `\\\\{0,8}${literal}` : literal;
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
  // Forms send a plus sign for a blank.
  const sent = character === " " ? "|\\+" : "";
  return `(?:${asItIs}|${inUrl}|${inJson}${sent}|&(?:${inPage});)`;
}
