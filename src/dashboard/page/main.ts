/** The page: stub until filled. */
import { reduce } from "../../search/state.ts";
import { sectionsOf } from "../../report/sections.ts";
import { html } from "lit-html";
import { diffWords } from "diff";
export const parts = [reduce, sectionsOf, html, diffWords];
