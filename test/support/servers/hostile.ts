/**
 * A server that answers in every bad way that anybody has thought of: broken HTTP, broken JSON, and whole JSON that says
 * strange things. Each way has a name and, where only one result is right, that result.
 */
import { coded } from "./hostile/coding.ts";
import { content } from "./hostile/content.ts";
import { http } from "./hostile/http.ts";
import type { Hostility } from "./hostile/parts.ts";
import { secrets } from "./hostile/secrets.ts";

/** Every way there is; no two have the same name. */
export const hostilities: readonly Hostility[] = [...http, ...coded, ...content, ...secrets].map(
  ([name, ends, answer, rest = {}]) => ({ name, ends, answer, ...rest }),
);
