/**
 * The package zod as the page has it: it makes no code from text, which the page's policy forbids.
 *
 * Takes the place of zod in the page's bundle (`paths` in tsconfig.page.json). What the page leads to imports zod as a
 * namespace (`import * as z`): the bundle then has what is used of it, a quarter of the whole.
 */
import { config } from "zod/v4";

config({ jitless: true });

export * from "zod/v4";
