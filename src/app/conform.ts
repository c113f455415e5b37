/**
 * Holds an evaluator to the contract, in whatever language it is written: makes each check, and keeps what falls short.
 *
 * It starts no evaluator, and asks for no split but "search". The checks themselves are in conform-checks.ts.
 */
import { UsageError } from "../errors.ts";
import type { ListSpacesResponse__Output } from "../evaluator/contract/collm_nas/v1/ListSpacesResponse.ts";
import { Probe } from "../evaluator/contract-probe.ts";
import { cutTo, oneLine } from "../text/words.ts";
import { didYouMean } from "../text/did-you-mean.ts";
import { shortLine } from "../evaluator/grpc-errors.ts";
import { serverChecks, spaceChecks } from "./conform-checks.ts";
import { type Check, NotChecked, type SpaceOptions, SpaceSubject } from "./conform-subject.ts";

export interface ConformOptions extends Partial<SpaceOptions> {
  /** The only space to check; null: every available one, up to a number. */
  readonly space?: string | null;
  /** A call that brings nothing for so long is given up. */
  readonly giveUpSeconds?: number;
  readonly signal: AbortSignal;
}

/** What one check found. */
export interface Checked {
  readonly check: string;
  /** Null: the server as a whole. */
  readonly space: string | null;
  readonly status: "ok" | "falls short" | "not checked";
  /** The sentence of the contract that was looked at. */
  readonly sentence: string;
  /** What was asked and answered, or why nothing was; empty where all is well. */
  readonly what: string;
}

export interface Conformance {
  /** Whether nothing fell short. */
  readonly ok: boolean;
  readonly serverVersion: string;
  /** The spaces that were checked. */
  readonly spaces: readonly string[];
  /** The available spaces that were not. */
  readonly leftOut: readonly string[];
  readonly checks: readonly Checked[];
  /** How many architectures were evaluated in all. */
  readonly evaluated: number;
}

/** The most spaces that are checked where none is named. */
const mostSpaces = 10;
/** The contract allows 20 s; the rest is for a busy machine. */
const usualSilenceSeconds = 22;
const usualGiveUpSeconds = 120;
/** Of what one check found: an architecture may be long. */
const longestWords = 1_500;
const usualEvaluations = 3;

/**
 * Checks the evaluator at `address`.
 *
 * @throws UsageError for an address that is none, or a space that cannot be checked; EvaluatorUnavailable when nothing
 *   answers there
 */
export async function conform(address: string, options: ConformOptions): Promise<Conformance> {
  const { signal, giveUpSeconds = usualGiveUpSeconds } = options;
  const probe = new Probe({ address, giveUpSeconds, signal });
  try {
    return await new Examination(probe, options).all();
  } finally {
    probe.close();
  }
}

// --- internal ---

class Examination {
  readonly #probe: Probe;
  readonly #options: ConformOptions;
  readonly #checks: Checked[] = [];
  /** The server has gone away: nothing more is asked. */
  #isGone = false;

  constructor(probe: Probe, options: ConformOptions) {
    this.#probe = probe;
    this.#options = options;
  }

  async all(): Promise<Conformance> {
    const probe = this.#probe;
    const listed = await this.#list();
    const { spaces, leftOut } = this.#chosen(listed);
    await this.#each(null, serverChecks, { probe, listed });
    const {
      evaluations = usualEvaluations,
      silenceSeconds = usualSilenceSeconds,
      say = () => {},
    } = this.#options;
    for (const id of spaces)
      await this.#each(id, spaceChecks, new SpaceSubject(probe, id, { evaluations, silenceSeconds, say }));
    return {
      ok: this.#checks.every(({ status }) => status !== "falls short"),
      serverVersion: shortLine(listed.serverVersion),
      spaces: spaces.map(shortLine),
      leftOut: leftOut.map(shortLine),
      checks: this.#checks,
      evaluated: probe.evaluated,
    };
  }

  /** @throws EvaluatorUnavailable when nothing answers; ContractViolation when it is no evaluator */
  async #list(): Promise<ListSpacesResponse__Output> {
    this.#options.say?.(`asking ${this.#probe.address} for its spaces …`);
    return await this.#probe.listOrThrow();
  }

  /** @throws UsageError when the space that was named cannot be checked */
  #chosen({ spaces }: ListSpacesResponse__Output): { spaces: string[]; leftOut: string[] } {
    const { space: wanted = null } = this.#options;
    if (wanted === null) {
      const ids = [...new Set(spaces.filter(({ available }) => available).map(({ id }) => id))];
      return { spaces: ids.slice(0, mostSpaces), leftOut: ids.slice(mostSpaces) };
    }
    const found = spaces.find(({ id }) => id === wanted);
    const who = `evaluator ${this.#probe.address}`;
    if (found === undefined) {
      const ids = spaces.map(({ id }) => shortLine(id));
      const choice = ids.length === 0 ? "it serves none" : `it serves ${ids.slice(0, mostSpaces).join(", ")}`;
      throw new UsageError(`${who} has no space "${wanted}"; ${choice}${didYouMean(wanted, ids)}`);
    }
    if (!found.available)
      throw new UsageError(
        `${who} cannot serve space "${wanted}" now: ${shortLine(found.unavailableReason) || "it gives no reason"}; repair that, or name another space`,
      );
    return { spaces: [wanted], leftOut: [] };
  }

  /** Makes checks one after the other, as long as the server is there. */
  async #each<Subject>(
    space: string | null,
    checks: readonly Check<Subject>[],
    subject: Subject,
  ): Promise<void> {
    for (const { name, sentence, look } of checks) {
      const add = (status: Checked["status"], what: string) =>
        void this.#checks.push({
          check: name,
          space: space === null ? null : shortLine(space),
          status,
          sentence: sentence.replaceAll("`", ""),
          what: cutTo(oneLine(what), longestWords),
        });
      if (this.#isGone) {
        add("not checked", "the server does not answer any more");
        continue;
      }
      try {
        const found = await look(subject);
        if (found === null) add("ok", "");
        else {
          this.#isGone = !(await this.#probe.isThere());
          add("falls short", this.#isGone ? `${found}. The server does not answer any more` : found);
        }
      } catch (error) {
        if (!(error instanceof NotChecked)) throw error;
        add("not checked", error.message);
      }
    }
  }
}
