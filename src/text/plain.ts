/**
 * Text from elsewhere, made safe to show: without what a terminal, an editor or a browser would obey.
 */

/** What a reader does not see and a terminal or an editor obeys: controls, formats, marks of direction, fillers. */
const unseen = /(?![\n\t])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;
/** Those of them that begin a line somewhere. */
const lineBreaks = /\r\n|[\r\v\f\u0085\u2028\u2029]/g;

/** Text from elsewhere without what is not seen: it may be shown, not obeyed. Line breaks and tabs stay. */
export function plain(text: string): string {
  return text.replace(lineBreaks, (found) => (found === "\r\n" ? "\n" : " ")).replace(unseen, "");
}

/** JSON with whatever is not seen written as `\u…`: another spelling of the same value. */
export function plainJson(json: string): string {
  return json.replace(/\r/g, " ").replace(unseen, (found) =>
    Array.from({ length: found.length }, (_, at) => found.charCodeAt(at))
      .map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`)
      .join(""),
  );
}
