/** `steer`: stub until filled. */
import type { Output } from "./output.ts";
export const orders = ["pause", "resume", "stop", "hint"] as const;
export async function steer(
  _folder: string,
  _order: (typeof orders)[number],
  _text: string | undefined,
  _output: Output,
): Promise<void> {
  throw new Error("not written yet");
}
