/**
 * The one HTML document of the live page, and the policy that it is held to: nothing from elsewhere, and no script but the
 * files of this server.
 */
import { html } from "hono/html";
import type { PageFiles } from "./page-files.ts";

/** Where the page's files are on the server. */
export const filesUnder = "/page/";

/** @param program how the reader calls this program, for the commands that the page suggests */
export function documentOf({ atOnce, later }: Pick<PageFiles, "atOnce" | "later">, program: string): string {
  const preload = (priority: string) => (name: string) =>
    `<link rel="modulepreload" href="${filesUnder}${name}"${priority}>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
${html`<meta name="program" content="${program}">` as string}
<title>CoLLM-NAS</title>
<link rel="icon" href="/favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/style.css">
${atOnce.map(preload("")).join("\n")}
<script type="module" src="${filesUnder}${atOnce[0]}"></script>
${later.map(preload(' fetchpriority="low"')).join("\n")}
</head>
<body>
<div id="page"><p>Loading…</p></div>
<noscript><p>This page needs JavaScript: it is drawn from the record of each run as it grows.</p></noscript>
</body>
</html>
`;
}

/** The Content-Security-Policy of the document, and of everything else that the server sends. */
export const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** The page's sign in the browser's tab: a best-so-far curve. */
export const favicon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="6" fill="#0067a5"/><path d="M5 25h6v-8h7v-5h9" fill="none" stroke="#fff" stroke-width="3" stroke-linejoin="round" stroke-linecap="round"/><circle cx="27" cy="12" r="3" fill="#ffd166"/></svg>
`;
