/**
 * Finds the JSON in a model's reply.
 *
 * Owns where JSON may stand: alone, in a fence, amid prose, several values in a row, or whole members of a list that
 * was cut off. Changes nothing in what it finds, and knows nothing of what the values mean.
 */

/** Brackets that hold no JSON are looked into so deep and no deeper: no character is read more often than that. */
const deepest = 20;

/** A JSON object or array, and where in the text it begins. */
export interface Found {
  readonly value: unknown;
  readonly start: number;
}

/** Every JSON object or array that stands complete in `text` and in no other one, in order. */
export function findJson(text: string): unknown[] {
  return locateJson(text).map(({ value }) => value);
}

/** The same, with their places. */
export function locateJson(text: string): Found[] {
  const whole = parsed(text.trim());
  if (whole !== undefined) return [{ value: whole, start: text.length - text.trimStart().length }];
  const found: Found[] = [];
  let end = 0;
  /** Where the stretches around the present one end that turned out to be no JSON. */
  const around: number[] = [];
  for (const span of balancedSpans(text)) {
    while ((around.at(-1) ?? text.length) <= span.start) around.pop();
    if (span.start < end || around.length === deepest) continue;
    const value = parsed(text.slice(span.start, span.end));
    if (value === undefined) {
      around.push(span.end);
      continue;
    }
    found.push({ value, start: span.start });
    end = span.end;
  }
  return found;
}

// --- internal ---

interface Span {
  readonly start: number;
  readonly end: number;
}

/** Every stretch from an opening bracket to the one that closes it, outside strings; outer ones before inner ones. */
function balancedSpans(text: string): Span[] {
  const spans: Span[] = [];
  // Each kind by itself: a bracket of prose that nothing closes must not hide the JSON around it.
  const braces: number[] = [];
  const brackets: number[] = [];
  const close = (opened: number[], end: number) => {
    const start = opened.pop();
    if (start !== undefined) spans.push({ start, end });
  };
  let inString = false;
  let before = "";
  for (let at = 0; at < text.length; at++) {
    const character = text[at] as string;
    if (inString) {
      if (character === "\\" && text[at + 1] !== "\n") at += 1;
      else if (character === '"' || character === "\n") inString = false;
      continue;
    }
    // A string of JSON can begin nowhere else: other quotation marks are prose, or inches.
    if (character === '"') inString = braces.length + brackets.length > 0 && "{[,:".includes(before);
    else if (character === "{") braces.push(at);
    else if (character === "[") brackets.push(at);
    else if (character === "}") close(braces, at + 1);
    else if (character === "]") close(brackets, at + 1);
    if (!" \t\r\n".includes(character)) before = character;
  }
  return spans.sort((first, second) => first.start - second.start);
}

function parsed(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
