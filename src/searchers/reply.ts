/**
 * Finds the JSON in a model's reply.
 *
 * JSON may be alone, in a fence, in prose, several values in a row, or whole members of a list that was cut off. Its
 * form may be repaired where the caller records that. Nothing is completed and no value changes. The meaning of the
 * values is not known here.
 */
import { countRepairs, type RepairKind } from "../search/repairs.ts";

/** How deep to look into brackets that hold no JSON; so no character is read more often than this. */
const deepest = 20;
/** The most characters of a reply to read for repairs; characters that are read again count again. */
const mostMended = 3_000_000;
/** In a reply that is not JSON as a whole, this many of the last characters are searched. */
const mostSearched = 1_000_000;
/** The most stretches between brackets to look at, the last ones: an answer comes at the end. */
const mostLooked = 50_000;
/** A text whose brackets are nested deeper is not read as JSON. */
const deepestNesting = 250_000;
/** The most open brackets that wait for the one that closes them. Beyond that the oldest are dropped. */
const mostOpen = 20_000;

/** A JSON object or array, and its place in the text. */
export interface Found {
  readonly value: unknown;
  readonly start: number;
  readonly end: number;
  /** What was repaired within it. */
  readonly repairs?: ReadonlyMap<RepairKind, number>;
  /** The JSON around it that is cut off or broken. */
  readonly within?: Stretch;
}

/** A part of a text, from one place to another. */
interface Stretch {
  readonly start: number;
  readonly end: number;
}

/**
 * Every JSON object or array that is complete in `text` and not inside another one, in order; strictly, without
 * repairs.
 */
export function findJson(text: string): unknown[] {
  return locateJson(text).map(({ value }) => value);
}

/**
 * The same, with their places.
 *
 * @param isWanted whether a value whose form was repaired is what the caller looks for; if not, the text does not count
 *   as JSON. Absent: no form is repaired.
 */
export function locateJson(text: string, isWanted?: (value: unknown) => boolean): Found[] {
  const trimmed = text.trim();
  const whole = parsed(trimmed);
  if (whole !== undefined) {
    const start = text.length - text.trimStart().length;
    return [{ value: whole, start, end: start + trimmed.length }];
  }
  const from = Math.max(0, text.length - mostSearched);
  const located = locateWithin(from === 0 ? text : text.slice(from), isWanted);
  if (from === 0) return located;
  const moved = <Place extends Stretch>(place: Place) => ({
    ...place,
    start: place.start + from,
    end: place.end + from,
  });
  return located.map(({ within, ...found }) => ({
    ...moved(found),
    ...(within === undefined ? {} : { within: moved(within) }),
  }));
}

/** The JSON in a text that is not JSON as a whole. */
function locateWithin(text: string, isWanted: ((value: unknown) => boolean) | undefined): Found[] {
  const found: Found[] = [];
  let end = 0;
  let toMend = isWanted === undefined ? 0 : mostMended;
  /** The stretches around the present one that are not JSON. */
  const around: (Stretch & { readonly isJson: boolean })[] = [];
  const { spans, cut } = balancedSpans(text);
  for (const span of spans.slice(-mostLooked)) {
    while ((around.at(-1)?.end ?? text.length) <= span.start) around.pop();
    if (span.start < end || around.length === deepest) continue;
    const written = text.slice(span.start, span.end);
    const value = parsed(written);
    const mended = value === undefined && toMend > 0 ? mend(written) : undefined;
    toMend -= mended?.looked ?? 0;
    if (value === undefined && (mended?.value === undefined || isWanted?.(mended.value) !== true)) {
      around.push({ ...span, isJson: opensJson(text, span.start) });
      continue;
    }
    const broken = cut < span.start ? { start: cut, end: text.length } : around.find(({ isJson }) => isJson);
    found.push({
      value: value ?? mended?.value,
      ...span,
      ...(mended === undefined ? {} : { repairs: mended.repairs }),
      ...(broken === undefined ? {} : { within: broken }),
    });
    end = span.end;
  }
  return found;
}

/**
 * What is around the values that were used: text, fences, and JSON that is not whole.
 *
 * @param fenced whether the form asked for is one fence, after any text
 */
export function repairsAround(text: string, used: readonly Found[], fenced: boolean): RepairKind[] {
  const taken: { start: number; end: number }[] = [];
  for (const { start, end, within } of used) {
    const stretch = within ?? { start, end };
    const last = taken.at(-1);
    if (last !== undefined && stretch.start < last.end) last.end = Math.max(last.end, stretch.end);
    else taken.push({ ...stretch });
  }
  const between = [...taken, { start: text.length, end: text.length }].map(({ start }, index) =>
    text.slice(taken[index - 1]?.end ?? 0, start),
  );
  // Where a fence was asked for, any text may come before it, and its end after it.
  const odd = fenced ? [...between.slice(1, -1), (between.at(-1) ?? "").replace(fence, "")] : between;
  const repairs: RepairKind[] = [];
  if (odd.some((each) => each.search(fence) !== -1)) repairs.push("fence");
  if (odd.some((each) => /[^\s,;\u200b-\u200f\u2060-\u2069\u202a-\u202e]/.test(each.replaceAll(fences, ""))))
    repairs.push("prose");
  if (used.some(({ within }) => within !== undefined)) repairs.push("cut-list");
  return repairs;
}

// --- internal ---

const fence = /`{3,}[\w+-]*|~{3,}[\w+-]*/;
const fences = new RegExp(fence, "g");

const [backslash, quote, comma, colon, lineFeed] = [92, 34, 44, 58, 10] as const;
const [brace, bracket, closingBrace, closingBracket] = [123, 91, 125, 93] as const;
const [slash, hash, minus] = [47, 35, 45] as const;
/** Means any value, in a place that may also hold a bracket or a comma. */
const anyValue = 1;

/** Whether the character is white space in JSON. */
function isBlank(code: number): boolean {
  return code === 32 || code === lineFeed || code === 13 || code === 9;
}

/** Whether the bracket at `at` looks like the beginning of JSON, and not like prose. */
function opensJson(text: string, at: number): boolean {
  const beginning = /\s*(?:["'\u201c{[]|\w+\s*:)/y;
  beginning.lastIndex = at + 1;
  return beginning.test(text);
}

/**
 * Every stretch from an opening bracket to the one that closes it, outside strings, outer ones before inner ones. Also
 * where JSON begins that nothing closes; without such JSON, the end of the text.
 */
function balancedSpans(text: string): { spans: Stretch[]; cut: number } {
  const spans: Stretch[] = [];
  let cut = text.length;
  /** Brackets of one kind that nothing closes, in order. */
  const giveUp = (opened: readonly number[]) => {
    cut = Math.min(cut, opened.find((at) => at >= cut || opensJson(text, at)) ?? cut);
  };
  const open = (opened: number[], at: number) => {
    opened.push(at);
    if (opened.length > mostOpen) giveUp(opened.splice(0, mostOpen / 2));
  };
  // Each kind is matched by itself: an unclosed bracket of prose must not hide the JSON around it.
  const braces: number[] = [];
  const brackets: number[] = [];
  const close = (opened: number[], end: number) => {
    const start = opened.pop();
    if (start !== undefined) spans.push({ start, end });
  };
  let inString = false;
  /** The last character that is not white space. */
  let before = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (inString) {
      if (code === backslash && text.charCodeAt(at + 1) !== lineFeed) at += 1;
      else if (code === quote || code === lineFeed) inString = false;
      continue;
    }
    if (isBlank(code)) continue;
    // A string of JSON cannot begin elsewhere: other quotation marks are prose, or inches.
    if (code === quote)
      inString =
        braces.length + brackets.length > 0 &&
        (before === comma || before === colon || before === brace || before === bracket);
    else if (code === brace) open(braces, at);
    else if (code === bracket) open(brackets, at);
    else if (code === closingBrace) close(braces, at + 1);
    else if (code === closingBracket) close(brackets, at + 1);
    before = code;
  }
  giveUp(braces);
  giveUp(brackets);
  return { spans: spans.sort((first, second) => first.start - second.start), cut };
}

/** Whether brackets are nested deeper than in any answer. Such a text would take very long to read. */
function isTooDeep(text: string): boolean {
  if (text.length <= deepestNesting) return false;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === quote) {
      for (at += 1; at < text.length && text.charCodeAt(at) !== quote; at++)
        if (text.charCodeAt(at) === backslash) at += 1;
    } else if (code === brace || code === bracket) {
      depth += 1;
      if (depth > deepestNesting) return true;
    } else if (code === closingBrace || code === closingBracket) depth -= 1;
  }
  return false;
}

function parsed(text: string): unknown {
  if (isTooDeep(text)) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Invisible characters that are not white space in JSON. */
const oddBlank = /[\v\f\u00a0\u1680\u2000-\u200f\u2028-\u202f\u205f-\u2069\u3000\ufeff]/;
const word = /[A-Za-z_$][\w$]*/y;
const controls: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };
const closing: Readonly<Record<string, string>> = {
  '"': '"',
  "'": "'",
  "\u201c": "\u201c\u201d",
  "\u201e": "\u201c\u201d",
  "\u2018": "\u2018\u2019",
};
const literals: Readonly<Record<string, string>> = {
  None: "null",
  True: "true",
  False: "false",
  null: "null",
  true: "true",
  false: "false",
};

/**
 * Rewrites what is nearly JSON as JSON, token by token, and reads that: JSON.parse decides whether it is whole. Quotes,
 * commas and comments change, values never do: bare words, NaN and other spellings of numbers are not read.
 *
 * @returns also how many characters were read; no value where it is not JSON for another reason
 */
function mend(text: string): { value?: unknown; repairs: Map<RepairKind, number>; looked: number } {
  const repairs = new Map<RepairKind, number>();
  const pieces: string[] = [];
  /** The text up to here is in `pieces`. */
  let copied = 0;
  let at = 0;
  /** The last token: a bracket, a comma, a colon, or a value. */
  let last = 0;
  /** The place in `pieces` of a comma that may be a trailing one. */
  let commaPiece = -1;
  const isKey = (end: number) =>
    (last === brace || last === comma) && text.charCodeAt(afterBlanks(text, end)) === colon;
  const replace = (end: number, by: string, kind?: RepairKind) => {
    pieces.push(text.slice(copied, at), by);
    if (kind !== undefined) countRepairs(repairs, [[kind, 1]]);
    at = end;
    copied = end;
  };
  const refused = () => ({ repairs, looked: at });
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (isBlank(code)) {
      at += 1;
    } else if (isDigit(code) || code === minus) {
      let end = at + 1;
      while (isOfNumber(text.charCodeAt(end))) end += 1;
      // JSON.parse says whether it is one.
      if (isKey(end)) replace(end, `"${text.slice(at, end)}"`, "unquoted-keys");
      else at = end;
      last = anyValue;
    } else if (code === comma) {
      const next = afterBlanks(text, at + 1);
      const after = text.charCodeAt(next);
      const isBehind = last === anyValue || last === closingBrace || last === closingBracket;
      if (isBehind && (after === closingBrace || after === closingBracket)) {
        replace(at + 1, "", "trailing-comma");
        continue;
      }
      // Only comments may follow.
      const mayTrail = isBehind && (after === slash || after === hash || isOddBlank(after));
      commaPiece = mayTrail ? pieces.length + 1 : -1;
      if (mayTrail) replace(at + 1, ",");
      else at += 1;
      last = comma;
    } else if (code === brace || code === bracket || code === colon) {
      if (code === brace && last === closingBrace) replace(at, ",", "missing-comma");
      at += 1;
      last = code;
    } else if (code === closingBrace || code === closingBracket) {
      if (last === comma && commaPiece !== -1) {
        pieces[commaPiece] = "";
        countRepairs(repairs, [["trailing-comma", 1]]);
      }
      at += 1;
      last = code;
    } else if (code === slash || code === hash) {
      const end = endOfComment(text, at);
      if (end === -1) return refused();
      replace(end, " ", "comments");
    } else if (isOddBlank(code)) {
      replace(at + 1, " ", "odd-space");
    } else if (closing[text[at] as string] !== undefined) {
      const string = stringAt(text, at);
      if (string === null) return refused();
      const { end, json, breaks } = string;
      if (breaks > 0) countRepairs(repairs, [["line-breaks", breaks]]);
      if (code !== quote) replace(end, json, code === 39 ? "single-quotes" : "smart-quotes");
      else if (breaks > 0) replace(end, json);
      else at = end;
      last = anyValue;
    } else {
      word.lastIndex = at;
      const token = word.exec(text)?.[0];
      if (token === undefined) return refused();
      const end = at + token.length;
      const literal = literals[token];
      if (isKey(end)) replace(end, `"${token}"`, "unquoted-keys");
      else if (literal === undefined) return refused();
      else if (literal === token) at = end;
      else replace(end, literal, "python-literals");
      last = anyValue;
    }
  }
  if (repairs.size === 0) return refused();
  pieces.push(text.slice(copied));
  return { value: parsed(pieces.join("")), repairs, looked: at };
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

/** Digits, a point, an exponent and its sign. */
function isOfNumber(code: number): boolean {
  return isDigit(code) || code === 46 || code === 69 || code === 101 || code === 43 || code === minus;
}

function isOddBlank(code: number): boolean {
  return (code === 11 || code === 12 || code >= 160) && oddBlank.test(String.fromCharCode(code));
}

function afterBlanks(text: string, from: number): number {
  let at = from;
  while (isBlank(text.charCodeAt(at))) at += 1;
  return at;
}

/**
 * The quoted text at `at` as JSON writes it, where it ends, and how many of its line breaks and tabs were not escaped.
 */
function stringAt(text: string, at: number): { end: number; json: string; breaks: number } | null {
  const ends = closing[text[at] as string] as string;
  let copied = at + 1;
  let json = "";
  let breaks = 0;
  for (let end = at + 1; end < text.length; end++) {
    const code = text.charCodeAt(end);
    if (code >= 93 && code < 128) continue;
    const character = text[end] as string;
    if (ends.includes(character))
      return { end: end + 1, json: `"${json}${text.slice(copied, end)}"`, breaks };
    if (code === backslash) {
      end += 1;
      // Every other escape is one of JSON's, or JSON.parse refuses it.
      if (ends !== "'" || text[end] !== "'") continue;
      json += `${text.slice(copied, end - 1)}'`;
    } else if (code === quote) {
      json += `${text.slice(copied, end)}\\"`;
    } else if (controls[character] !== undefined) {
      if (ends !== '"') return null;
      json += text.slice(copied, end) + controls[character];
      breaks += 1;
    } else continue;
    copied = end + 1;
  }
  return null;
}

/** Where the comment at `at` ends, or -1 where there is no comment. */
function endOfComment(text: string, at: number): number {
  if (text.startsWith("/*", at)) {
    const end = text.indexOf("*/", at + 2);
    return end === -1 ? -1 : end + 2;
  }
  if (text[at] !== "#" && !text.startsWith("//", at)) return -1;
  const end = text.indexOf("\n", at);
  return end === -1 ? -1 : end;
}
