/**
 * Finds the JSON in a model's reply.
 *
 * Owns where JSON may stand: alone, in a fence, amid prose, several values in a row, or whole members of a list that
 * was cut off. Changes nothing in what it finds, and knows nothing of what the values mean.
 */

/** How often, on average, a character may be looked at while searching; deeper nesting than this is not looked into. */
const longestEffort = 20;

/** Every JSON object or array that stands complete in `text` and in no other one, in order. */
export function findJson(text: string): unknown[] {
  const whole = parsed(text.trim());
  if (whole !== undefined) return [whole];
  const values: unknown[] = [];
  let end = 0;
  let effort = longestEffort * text.length;
  for (const span of balancedSpans(text)) {
    if (span.start < end) continue;
    effort -= span.end - span.start;
    if (effort < 0) break;
    const value = parsed(text.slice(span.start, span.end));
    if (value === undefined) continue;
    values.push(value);
    end = span.end;
  }
  return values;
}

// --- internal ---

interface Span {
  readonly start: number;
  readonly end: number;
}

/** Every stretch from an opening bracket to the one that closes it, outside strings; outer ones before inner ones. */
function balancedSpans(text: string): Span[] {
  const spans: Span[] = [];
  const open: { at: number; closer: string }[] = [];
  let inString = false;
  let before = "";
  for (let at = 0; at < text.length; at++) {
    const character = text[at] as string;
    if (inString) {
      if (character === "\\" && text[at + 1] !== "\n") at += 1;
      else if (character === '"' || character === "\n") inString = false;
      continue;
    }
    // Only there can a string of JSON begin: other quotation marks are prose, or inches.
    if (character === '"') inString = open.length > 0 && "{[,:".includes(before);
    if (!" \t\r\n".includes(character)) before = character;
    if (character === "{") open.push({ at, closer: "}" });
    else if (character === "[") open.push({ at, closer: "]" });
    else if (character === "}" || character === "]") {
      // A bracket of prose that nothing closes must not hide the JSON around it.
      const match = open.findLastIndex(({ closer }) => closer === character);
      if (match === -1) continue;
      spans.push({ start: (open[match] as { at: number }).at, end: at + 1 });
      open.length = match;
    }
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
