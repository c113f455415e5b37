/**
 * What runs beside a search: the feed that publishes it, the socket that steers it, the page that shows it.
 *
 * Opens and closes each, and says so. None of them may slow the run or end it. What cannot be opened for want of a right or a name
 * is refused before the run begins. A later failure is said, and the run continues.
 */
import { dirname } from "node:path";
import type { OnStored } from "../runs/append-log.ts";
import { type LiveFeed, openFeed } from "../runs/live-feed.ts";
import { openSteering, type SteeringSocket } from "../runs/steering-socket.ts";
import { shellWord } from "../text/shell.ts";
import type { Steering } from "../search/ports.ts";
import { program } from "./compose.ts";
import { type DashboardBeside, dashboardBeside } from "./dashboard-beside.ts";

export interface RunServiceFlags {
  /** Where the feed binds, such as tcp://127.0.0.1:5599. */
  readonly feed?: string | undefined;
  readonly dashboard?: boolean | undefined;
  readonly allowRemote?: boolean | undefined;
  /** Whether the user's mask alone says who may read the run and listen to its feed. */
  readonly shared?: boolean | undefined;
}

export class RunServices {
  readonly #flags: RunServiceFlags;
  readonly #feed: LiveFeed | null;
  #run = "";
  #socket: SteeringSocket | null = null;
  #dashboard: DashboardBeside | null = null;
  #closed: Promise<unknown> | null = null;
  #onClosed: () => void = () => {};

  private constructor(flags: RunServiceFlags, feed: LiveFeed | null) {
    this.#flags = flags;
    this.#feed = feed;
  }

  /** @throws UsageError when the feed's address cannot be used */
  static async open(flags: RunServiceFlags): Promise<RunServices> {
    const feed =
      flags.feed === undefined
        ? null
        : await openFeed(flags.feed, {
            allowRemote: flags.allowRemote === true,
            isShared: flags.shared === true,
          });
    return new RunServices(flags, feed);
  }

  /** For the journal of the run. */
  readonly onStored: OnStored = (lines) => this.#feed?.publish(this.#run, lines);

  /**
   * The run has a folder now. Nothing of it may be stored before this is called.
   *
   * @param run the name it has in its record and on the feed
   * @param refusesHints why hints to the Navigator would reach nobody; null: they reach it
   */
  async begin(
    run: string,
    folder: string,
    refusesHints: string | null,
    say: (line: string) => void,
  ): Promise<{ steering: Steering; stop: AbortSignal }> {
    this.#run = run;
    this.#socket = await openSteering(folder, refusesHints);
    if (this.#socket.trouble !== null) say(`this run cannot be steered: ${this.#socket.trouble}`);
    if (this.#feed !== null) say(`feed on ${this.#feed.address}`);
    if (this.#flags.dashboard === true) {
      // Its neighbours are shown too, unless those are whatever lies in the current folder.
      const shown = dirname(folder) === "." ? folder : dirname(folder);
      this.#dashboard = await dashboardBeside(shown, folder);
      say(this.#dashboard.words);
      if (this.#dashboard.isShown)
        this.#onClosed = () =>
          say(`the page ended with the run; see it again: ${program} dashboard ${shellWord(shown)}`);
    }
    return { steering: this.#socket.steering, stop: this.#socket.stop };
  }

  /** May be called whether or not the run ever began, and again. */
  async close(): Promise<void> {
    this.#closed ??= Promise.all([this.#socket?.close(), this.#feed?.close(), this.#dashboard?.close()]);
    await this.#closed;
    this.#onClosed();
    this.#onClosed = () => {};
  }
}
