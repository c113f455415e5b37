/**
 * The page: its frame, and the view that fills it.
 *
 * It opens the view of an address, changes the theme, and moves the reader's focus.
 */
import { html, nothing, render } from "lit-html";
import { announcementRegion, keepTimes } from "./parts.ts";
import { setProgram } from "./program.ts";
import { hrefOf, parseRoute, type Route, withoutToken } from "./router.ts";
import { RunList } from "./run-list.ts";
import { openRun } from "./run-stream.ts";
import { oncePerFrame } from "./tasks.ts";
import { setToken } from "./token.ts";
import type { View } from "./view.ts";

const themes = ["auto", "light", "dark"] as const;

const page = document.getElementById("page") as HTMLElement;
const update = oncePerFrame(draw);
const list = new RunList(update);
let route: Route = { page: "list" };
let view: View | null = null;
let theme: (typeof themes)[number] = "auto";
/** Counts the ways taken: a view that was loaded for an earlier one comes too late. */
let turn = 0;

addEventListener("hashchange", () => void go());
addEventListener("keydown", backByEscape);
keepTimes(page);
const program = document.querySelector('meta[name="program"]')?.getAttribute("content");
if (program) setProgram(program);
await go();

async function go(): Promise<void> {
  takeToken();
  const before = route;
  route = parseRoute(location.hash);
  const isFirst = turn === 0;
  if (route.page === "run" && before.page === "run" && route.id === before.id && view?.move !== undefined) {
    view.move(route.place);
    draw();
    return;
  }
  const mine = ++turn;
  view?.leave();
  view = null;
  const next = await viewOf(route).catch(unloadedView);
  if (mine !== turn) {
    next.leave();
    return;
  }
  view = next;
  // Until now the document's own text was here.
  if (isFirst) page.replaceChildren();
  draw();
  if (!isFirst) moveFocus(before);
}

/** Each view is loaded when it is first wanted: the list needs no drawing library. */
async function viewOf(wanted: Route): Promise<View> {
  switch (wanted.page) {
    case "list":
      return list.show();
    case "run": {
      // The record is on its way while the view is loaded.
      const stream = openRun(wanted.id, update);
      const { openRunView } = await import("./run-view.ts").catch((error: unknown) => {
        stream.close();
        throw error;
      });
      return openRunView({ stream, place: wanted.place, update });
    }
    case "compare": {
      const { openComparison } = await import("./compare.ts");
      return openComparison(wanted.ids, update);
    }
  }
}

/** Shown where the modules of a view could not be loaded. */
function unloadedView(): View {
  const words = "This part of the page could not be loaded.";
  const advice = "Is the command that printed the address still running? Then load the page again.";
  return {
    title: words,
    render: () => html`<h1 tabindex="-1">${words}</h1><p>${advice}</p>`,
    leave: () => {},
  };
}

/** A token is kept in memory alone: it is neither in the address nor in the history. */
function takeToken(): void {
  const { fragment, token } = withoutToken(location.hash);
  if (token === null) return;
  history.replaceState(null, "", fragment);
  // The view says when the server does not answer.
  setToken(token).then(update, () => {});
}

function draw(): void {
  if (view === null) return;
  document.title = `${view.title} – CoLLM-NAS`;
  render(
    html`
      <a class="skip" href="#content" @click=${skip}>Skip to the content</a>
      <header>
        <nav aria-label="Page">
          <a class="home" href=${hrefOf({ page: "list" })} aria-current=${route.page === "list" ? "page" : nothing}
            >Runs</a
          >
        </nav>
        <button type="button" class="theme" @click=${nextTheme}>Theme: ${theme}</button>
      </header>
      <main id="content" tabindex="-1" class=${route.page}>${view.render()}</main>
      ${announcementRegion()}
    `,
    page,
  );
}

/** A fragment of the address is a place of the page, so that this link moves by hand. */
function skip(event: Event): void {
  event.preventDefault();
  document.getElementById("content")?.focus();
}

/** To the run one came from on the list, else to the head of the view. */
function moveFocus(before: Route): void {
  const from = before.page === "run" ? hrefOf({ page: "run", id: before.id, place: null }) : null;
  const link =
    route.page !== "list" || from === null
      ? undefined
      : [...page.querySelectorAll<HTMLAnchorElement>("main a")].find(
          (each) => each.getAttribute("href") === from,
        );
  if (link !== undefined) {
    link.focus();
    return;
  }
  scrollTo(0, 0);
  page.querySelector<HTMLElement>("h1")?.focus({ preventScroll: true });
}

function backByEscape(event: KeyboardEvent): void {
  if (event.key !== "Escape" || event.defaultPrevented || route.page === "list") return;
  if (event.target instanceof HTMLElement && event.target.matches("input, textarea, select")) return;
  location.hash = hrefOf({ page: "list" });
}

function nextTheme(): void {
  theme = themes[(themes.indexOf(theme) + 1) % themes.length] ?? "auto";
  if (theme === "auto") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
  draw();
}
