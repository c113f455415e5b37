/**
 * Where figures are drawn in a browser: an empty document of the browser's own.
 *
 * Takes the place of linkedom in the page's bundle (`paths` in tsconfig.page.json); figures are drawn by the same code in
 * both.
 */
export function parseHTML(_html: string): { readonly document: Document } {
  return { document: document.implementation.createHTMLDocument("") };
}
