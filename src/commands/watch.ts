/** `watch`: stub until filled. */
import type { Output } from "./output.ts";
export async function watch(
  _what: string,
  _flags: { readonly feed?: string | undefined },
  _output: Output,
  _signal: AbortSignal,
): Promise<void> {
  throw new Error("not written yet");
}
