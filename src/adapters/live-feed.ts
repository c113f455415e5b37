/** The live feed: stub until filled. */
export interface LiveFeed {
  readonly address: string;
  publish(run: string, lines: readonly string[]): void;
  close(): Promise<void>;
}
export async function openFeed(
  _address: string,
  _options: { readonly allowRemote: boolean },
): Promise<LiveFeed> {
  throw new Error("not written yet");
}
