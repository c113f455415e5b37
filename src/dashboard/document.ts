/**
 * The one HTML document of the live page.
 *
 * Owns what stands in it before any of its modules runs, and the policy that it is held to: nothing from elsewhere, and no
 * script but the modules of this server. Knows no run.
 */
import { createHash } from "node:crypto";
import { firstModule, type PageModules } from "./page-modules.ts";

export interface PageDocument {
  readonly html: string;
  /** The Content-Security-Policy of this document, and of everything else that the server sends. */
  readonly policy: string;
}

export function documentOf({ importMap, paths, later }: PageModules): PageDocument {
  const preloads = paths.map((path) => `<link rel="modulepreload" href="${path}">`);
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>CoLLM-NAS</title>
<link rel="icon" href="/favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/style.css">
<script type="application/json" id="later">${JSON.stringify(later)}</script>
<script type="importmap">${importMap}</script>
<script type="module" async src="/modules/dashboard/page/preload.js"></script>
${preloads.join("\n")}
<script type="module" src="${firstModule}"></script>
</head>
<body>
<div id="page"><p>Loading…</p></div>
<noscript><p>This page needs JavaScript: it is drawn from the record of each run as it grows.</p></noscript>
</body>
</html>
`;
  const policy = [
    "default-src 'none'",
    `script-src 'self' 'sha256-${createHash("sha256").update(importMap).digest("base64")}'`,
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
  return { html, policy };
}

/** The page's sign in the browser's tab: a best-so-far curve. */
export const favicon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="6" fill="#0067a5"/><path d="M5 25h6v-8h7v-5h9" fill="none" stroke="#fff" stroke-width="3" stroke-linejoin="round" stroke-linecap="round"/><circle cx="27" cy="12" r="3" fill="#ffd166"/></svg>
`;
