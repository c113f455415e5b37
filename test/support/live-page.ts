/**
 * The live page as a reader has it: the command in a process of its own, the page in the system's Chromium.
 *
 * Owns how the page is opened and watched: everything that is to happen on no page ever is a complaint. Knows no view.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { openBrowser } from "./browser.ts";
import { type Process, start, temporaryFolder, until } from "./cli.ts";

export interface Dashboard {
  /** As it was printed, with the token. */
  readonly address: string;
  readonly origin: string;
  readonly port: number;
  readonly token: string | null;
  readonly process: Process;
}

/** Starts `dashboard FOLDER`; its cache is empty at first. */
export async function startDashboard(
  folder: string,
  { port = 0, flags = [] }: { readonly port?: number; readonly flags?: readonly string[] } = {},
): Promise<Dashboard> {
  const process = start(["dashboard", folder, "--port", `${port}`, "--json", ...flags], {
    env: { XDG_CACHE_HOME: temporaryFolder() },
  });
  let isOver = false;
  void process.ended.then(() => (isOver = true));
  const line = await until("the page is served", () => {
    if (isOver) throw new Error(`the page is not served: ${process.stderr()}`);
    return process.stdout().split("\n", 2)[1] === undefined ? null : process.stdout();
  });
  const { address, token } = JSON.parse(line) as { address: string; token: string | null };
  const { origin, port: bound } = new URL(address);
  return { address, origin, port: Number(bound), token, process };
}

export interface Look {
  readonly width?: number;
  readonly height?: number;
  readonly theme?: "light" | "dark";
  readonly permissions?: readonly string[];
}

/** A browser whose pages are watched. */
export class Reader {
  readonly #browser: Browser;
  readonly #contexts = new Set<BrowserContext>();
  #complaints: string[] = [];
  #forgiven: RegExp[] = [];

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  static async open(): Promise<Reader> {
    return new Reader(await openBrowser());
  }

  /** Opens an address as somebody who has never been there. */
  async visit(address: string, look: Look = {}): Promise<Page> {
    const { width = 1280, height = 900, theme = "light", permissions = [] } = look;
    const { origin } = new URL(address);
    const context = await this.#browser.newContext({ viewport: { width, height }, colorScheme: theme });
    this.#contexts.add(context);
    if (permissions.length > 0) await context.grantPermissions([...permissions], { origin });
    const page = await context.newPage();
    const complain = (complaint: string) => this.#complaints.push(complaint);
    page.on("console", (message) => {
      if (["error", "warning", "assert"].includes(message.type()))
        complain(`${message.type()}: ${message.text()}`);
    });
    page.on("pageerror", (error) => complain(`error: ${error.message}`));
    page.on("dialog", (dialog) => {
      complain(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on("popup", (popup) => complain(`another window: ${popup.url()}`));
    page.on("request", (request) => {
      const { origin: asked, protocol } = new URL(request.url());
      if (asked !== origin && protocol !== "data:" && protocol !== "blob:")
        complain(`a request off the origin: ${request.url()}`);
    });
    page.setDefaultTimeout(15_000);
    await page.goto(address);
    return page;
  }

  /** What the browser itself says of something that a test brings about is no complaint, until the next look. */
  forgive(words: RegExp): void {
    this.#forgiven.push(words);
  }

  /** What was complained of since the last look; closes every page. */
  async complaints(): Promise<readonly string[]> {
    for (const context of this.#contexts) await context.close();
    this.#contexts.clear();
    const left = this.#complaints.filter((each) => !this.#forgiven.some((words) => words.test(each)));
    [this.#complaints, this.#forgiven] = [[], []];
    return left;
  }

  async close(): Promise<void> {
    await this.#browser.close();
  }
}

/** How far the page can be scrolled sideways, in pixels. */
export async function sidewaysScroll(page: Page): Promise<number> {
  return await page.evaluate<number>("document.scrollingElement.scrollWidth - innerWidth");
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe-core finds serious or critical, a line each. */
export async function seriousFindings(page: Page): Promise<readonly string[]> {
  // By way of the debugger: the page's policy forbids every other.
  await page.evaluate(axeSource);
  return await page.evaluate<
    string[]
  >(`axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) =>
    violations.filter(({ impact }) => impact === "serious" || impact === "critical")
      .flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => id + " " + target + ": " + failureSummary)))`);
}
