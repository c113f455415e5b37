/**
 * Reads and writes the reader's place on the page: the fragment of its address.
 *
 *     #/                                the list
 *     #/run/ID                          a run; ID is percent-encoded as one part
 *     #/run/ID/round-3/candidate-2      a candidate in it, both counted from 1
 *     #/compare/ID,ID                   runs compared
 *
 * Any of them may end with a token, and a token may be alone: `?token=T`, `#token=T`.
 */

/** A place within a run, as a reader counts: from 1. */
export interface Place {
  readonly round: number;
  /** Null: the round as a whole. */
  readonly candidate: number | null;
}

export type Route =
  | { readonly page: "list" }
  | { readonly page: "run"; readonly id: string; readonly place: Place | null }
  | { readonly page: "compare"; readonly ids: readonly string[] };

/** The address of a place, beginning with `#`. */
export function hrefOf(route: Route): string {
  switch (route.page) {
    case "list":
      return "#/";
    case "run":
      return ["#/run", encodeURIComponent(route.id), ...placeParts(route.place)].join("/");
    case "compare":
      return `#/compare/${route.ids.map(encodeURIComponent).join(",")}`;
  }
}

/** The place that an address means; what means none is the list. */
export function parseRoute(fragment: string): Route {
  const [path = ""] = fragment.replace(/^#/, "").split("?");
  const [, page = "", ids = "", ...rest] = path.split("/");
  if (page === "run" && ids !== "") return { page, id: decoded(ids), place: placeOf(rest) };
  if (page === "compare") {
    const named = ids.split(",").filter((id) => id !== "");
    return { page, ids: [...new Set(named.map(decoded))] };
  }
  return { page: "list" };
}

/** An address without the token in it, and the token; null: it holds none. */
export function withoutToken(fragment: string): { fragment: string; token: string | null } {
  const found = /(?:^#?|[?&])token=([^&]*)$/.exec(fragment);
  if (found === null) return { fragment, token: null };
  const rest = fragment.slice(0, found.index);
  return { fragment: rest === "" || rest === "#" ? "#/" : rest, token: decoded(found[1] ?? "") };
}

// --- internal ---

function placeParts(place: Place | null): string[] {
  if (place === null) return [];
  return [`round-${place.round}`, ...(place.candidate === null ? [] : [`candidate-${place.candidate}`])];
}

function placeOf([first = "", second = ""]: readonly string[]): Place | null {
  const round = numberAfter("round-", first);
  return round === null ? null : { round, candidate: numberAfter("candidate-", second) };
}

function numberAfter(prefix: string, text: string): number | null {
  const digits = text.startsWith(prefix) ? text.slice(prefix.length) : "";
  return /^[1-9]\d{0,8}$/.test(digits) ? Number(digits) : null;
}

/** Unchanged where it is not percent-encoded as it should be. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
