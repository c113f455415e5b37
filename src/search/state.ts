/**
 * The state of a run: what its events add up to.
 *
 * Only the shapes are here. fold.ts fills them; results.ts, progress.ts, funnel.ts and conversation.ts read them.
 */
import type {
  ChatReply,
  EventBody,
  MeasuredCost,
  Message,
  Outcome,
  Price,
  Role,
  StopReason,
  Verdict,
} from "./events.ts";

type Started = Extract<EventBody, { type: "run-started" }>;

/** One raw candidate, its verdict, and the outcome of its evaluation (null until there is one). */
export interface Candidate {
  /** 0 for a result that was known before the search began, which counts as accepted. */
  readonly round: number;
  /** The place in its round's list, from 0. */
  readonly index: number;
  readonly raw: unknown;
  readonly verdict: Verdict;
  outcome: Outcome | null;
}

export interface Round {
  readonly round: number;
  strategy: string | null;
  candidates: readonly Candidate[];
  closed: boolean;
}

export interface ChatCall {
  readonly role: Role;
  readonly round: number;
  readonly attempt: number;
  readonly reply: ChatReply;
  /** Why the reply was rejected; null when it was read. */
  rejected: readonly string[] | null;
  /** What was repaired in its form, by kind. */
  repairs: Readonly<Record<string, number>>;
  /** Whether a new conversation began with this call, with older rounds in short. */
  readonly condensed: boolean;
  /** The size of what was sent, in bytes of UTF-8. */
  readonly promptBytes: number;
  /** The size of the part that the role had not got before. */
  readonly newBytes: number;
  /** Whether a conversation began with it. */
  readonly isFirst: boolean;
  /** What the server read at most of a prompt that it cut, in tokens; null: it is not known to have cut it. */
  readonly truncatedTo: number | null;
  /** The most that one attempt could use; null where no cap was given. */
  readonly reserved: Reserved | null;
  /** What the model charged at that time; null: not known. */
  readonly price: Price | null;
}

/** A call that brought no reply. */
type FailedCall = Omit<Extract<EventBody, { type: "chat-failed" }>, "type"> & {
  readonly price: Price | null;
};

export interface Reserved {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** The cap that was reached, or that the next call would have exceeded. */
export type CapReached = Omit<Extract<EventBody, { type: "cap-reached" }>, "type">;

/** Advice of a person to the Navigator, and the round whose strategy request holds it. */
export interface Hint {
  readonly round: number;
  readonly text: string;
  readonly at: string;
}

/** A run as far as its record goes. Read it through the selectors. */
export interface RunState extends Omit<Started, "type"> {
  readonly startedAt: string;
  lastAt: string;
  seq: number;
  /** Results that were known before the search began, in order; they cost no budget. */
  readonly known: Candidate[];
  /** Where they come from, in words; null: there are none. */
  knownFrom: string | null;
  readonly rounds: Round[];
  /** Every measured cost, by canonical text. */
  readonly costs: Map<string, MeasuredCost>;
  /** Every architecture that got a verdict of its own, by canonical text. */
  readonly visited: Map<string, Candidate>;
  /** The first accepted architecture of each equivalence key whose evaluation did not fail. */
  readonly firstOfKey: Map<string, string>;
  readonly transcripts: Readonly<Record<Role, Message[]>>;
  readonly chats: ChatCall[];
  readonly failedCalls: FailedCall[];
  /** The last request to each role, and its tokens, as far as its server reported them. */
  readonly lastPrompts: Record<
    Role,
    { readonly messages: readonly Message[]; readonly tokens: number } | null
  >;
  /** The last messages to each role. */
  readonly lastAsked: Record<Role, readonly Message[]>;
  /** The most tokens that the server of a role reads of a prompt, if it was seen to cut one; null: not known. */
  readonly promptLimits: Record<Role, number | null>;
  capReached: CapReached | null;
  /** How long the run was worked on until it last continued after a stop or a pause, and when it continued. */
  secondsBefore: number;
  resumedAt: string;
  /** Whether a person has paused it. */
  isPaused: boolean;
  /** In the order given. */
  readonly hints: Hint[];
  ended: StopReason | null;
  readonly winnerTests: Map<string, Outcome>;
  /** The results on the test split, also of architectures that did not win, by canonical text. */
  readonly oracleTests: Map<string, Outcome>;
  resumes: number;
  /** Rounds up to this one no longer count as idle: a person resumed the run after it had stalled. */
  idleFrom: number;
  /** This many failed evaluations no longer count: a person resumed the run after it had given up. */
  forgivenFailures: number;
}
