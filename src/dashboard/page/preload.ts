/**
 * What a run's page will ask for, under way before any of it asks: its modules all at once instead of level by level, and
 * the stream of the record that the address names.
 *
 * Owns the stream until it is taken, and keeps what comes meanwhile. The server writes the list of the modules into the
 * document. Imports nothing, so that nothing has to be there before it.
 */
const listDrawnMs = 1_000;
const kinds = ["open", "lines", "standing"] as const;

/** A stream that was opened early, and what it has told. */
export interface EarlyStream {
  readonly source: EventSource;
  readonly told: readonly MessageEvent<string>[];
}

let early: (EarlyStream & { readonly address: string; readonly stop: () => void }) | null = openEarly();

if (/^#\/(?:run|compare)\//.test(location.hash)) fetchLater();
else setTimeout(fetchLater, listDrawnMs);

/** Hands over the stream of an address, once; null where it was not opened early. */
export function takeEarly(address: string): EarlyStream | null {
  const found = early;
  early = null;
  found?.stop();
  if (found === null || found.address === address) return found;
  found.source.close();
  return null;
}

/** The browser has six connections to a server: the stream has to have one before the modules take them all. */
function openEarly(): typeof early {
  const [, id] = /^#\/run\/([^/?]+)/.exec(location.hash) ?? [];
  if (id === undefined) return null;
  const address = `/api/runs/${id}/events`;
  const source = new EventSource(address);
  const told: MessageEvent<string>[] = [];
  const keep = (event: Event) => told.push(event as MessageEvent<string>);
  for (const kind of kinds) source.addEventListener(kind, keep);
  const stop = () => {
    for (const kind of kinds) source.removeEventListener(kind, keep);
  };
  return { address, source, told, stop };
}

function fetchLater(): void {
  const list = document.getElementById("later")?.textContent ?? "[]";
  for (const path of JSON.parse(list) as readonly string[]) {
    const link = document.createElement("link");
    link.rel = "modulepreload";
    link.href = path;
    document.head.append(link);
  }
}
