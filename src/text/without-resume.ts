/** A message without the words that send its reader to `resume`, for places that have another next step. */
export function withoutResume(message: string): string {
  return message.replace(/[,;]? then (?:resume|continue)$/, "");
}
