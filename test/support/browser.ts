/**
 * The system's Chromium, for pages that are looked at as a reader would.
 *
 * Owns where it is found, and what counts as a page's misbehaviour. Knows no page.
 */
import { existsSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";

/** The program; null where there is none, which test names then say. */
export const chromiumPath =
  ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) =>
    existsSync(path),
  ) ?? null;

/** Goes into the name of what needs a browser. */
export const browserNote = chromiumPath === null ? " (skipped: no Chromium is installed)" : "";

export async function openBrowser(): Promise<Browser> {
  if (chromiumPath === null) throw new Error("no Chromium is installed");
  // Chromium refuses its sandbox to root, which is who runs in containers.
  return await chromium.launch({
    executablePath: chromiumPath,
    args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
  });
}

export interface Opened {
  readonly page: Page;
  /** What the console said and what broke, a line each. */
  readonly complaints: readonly string[];
  /** The address of everything that was asked for. */
  readonly requests: readonly string[];
}

/** Opens a file as a page of its own. */
export async function openFile(
  browser: Browser,
  path: string,
  { width, theme }: { readonly width: number; readonly theme: "light" | "dark" },
): Promise<Opened> {
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme: theme });
  const [complaints, requests]: [string[], string[]] = [[], []];
  page.on("console", (message) => complaints.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("request", (request) => requests.push(request.url()));
  await page.goto(pathToFileURL(path).href);
  return { page, complaints, requests };
}

/** WCAG's contrast ratio of two colours in CSS's rgb() form. */
export function contrast(first: string, second: string): number {
  const [lighter, darker] = [luminance(first), luminance(second)].sort((one, other) => other - one) as [
    number,
    number,
  ];
  return (lighter + 0.05) / (darker + 0.05);
}

function luminance(colour: string): number {
  const channels = colour.startsWith("#")
    ? [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16))
    : (colour.match(/[\d.]+/g) ?? []).slice(0, 3).map(Number);
  const [red, green, blue] = channels.map((channel) => {
    const share = channel / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
