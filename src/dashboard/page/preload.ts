/**
 * Has the browser fetch the modules of a run's page before they are asked for, level by level, by one another.
 *
 * Where the address is that of a run or a comparison, at once; else when the list of runs has been drawn. The server writes
 * the list of these modules into the document.
 */
const listDrawnMs = 1_000;

function fetchLater(): void {
  const list = document.getElementById("later")?.textContent ?? "[]";
  for (const path of JSON.parse(list) as readonly string[]) {
    const link = document.createElement("link");
    link.rel = "modulepreload";
    link.href = path;
    document.head.append(link);
  }
}

if (/^#\/(?:run|compare)\//.test(location.hash)) fetchLater();
else setTimeout(fetchLater, listDrawnMs);

export {};
