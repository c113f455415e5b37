/**
 * Where figures are drawn in a browser: an empty document of the browser's own.
 *
 * Stands in for the package that makes documents where there is no browser; figures are drawn by the same code in both.
 */
export function parseHTML(_html: string): { readonly document: Document } {
  return { document: document.implementation.createHTMLDocument("") };
}
