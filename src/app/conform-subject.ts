/**
 * What a check of the contract is, and what it looks at: a server, or one of its spaces with the architectures that are
 * asked for.
 *
 * What several checks look at is asked for once. No sentence of the contract is known here.
 */
import { ContractViolation } from "../errors.ts";
import type { ArchitectureCost__Output } from "../evaluator/contract/collm_nas/v1/ArchitectureCost.ts";
import type { ListSpacesResponse__Output } from "../evaluator/contract/collm_nas/v1/ListSpacesResponse.ts";
import type { Outcome__Output } from "../evaluator/contract/collm_nas/v1/Outcome.ts";
import type { SpaceDescription__Output } from "../evaluator/contract/collm_nas/v1/SpaceDescription.ts";
import type { Answered, Heard, Probe } from "../evaluator/contract-probe.ts";
import { readDescription } from "../evaluator/grpc-answers.ts";
import { shortLine } from "../evaluator/grpc-errors.ts";
import { randomStream } from "../search/random.ts";
import { Space } from "../search/space.ts";

/** What a check finds: null where the contract is kept, else what was asked and what was answered. */
export type Found = string | null;

/** One sentence of the contract, and how it is looked at. */
export interface Check<Subject> {
  /** One word for it, such as "evaluate-once". */
  readonly name: string;
  /** The sentence of the contract, word for word. For a row of a table, its first two cells. */
  readonly sentence: string;
  /** @throws NotChecked where there is nothing to look at */
  readonly look: (subject: Subject) => Found | Promise<Found>;
}

/** Says why a check has nothing to look at. */
export class NotChecked extends Error {}

/** A server, and the spaces that it lists. */
export interface ServerSubject {
  readonly probe: Probe;
  readonly listed: ListSpacesResponse__Output;
}

export interface SpaceOptions {
  /** How many different architectures are evaluated. */
  readonly evaluations: number;
  /** A longer silence falls short. */
  readonly silenceSeconds: number;
  /** Takes a line about what is done right now. */
  readonly say: (line: string) => void;
}

/** How many different architectures are asked for their costs. */
const mostCosts = 20;
/** How many are drawn to find them: a small space has fewer. */
const mostDraws = 200;

/** One space of a server. */
export class SpaceSubject {
  readonly probe: Probe;
  readonly id: string;
  readonly options: SpaceOptions;
  /** The outcome of the first architecture, after a second call gave it too. */
  steady: Outcome__Output | undefined;
  #described: Promise<Answered<SpaceDescription__Output | null>> | null = null;
  #costs: Promise<Answered<readonly ArchitectureCost__Output[]>> | null = null;
  #first: Promise<Heard> | null = null;
  #space: Space | null = null;
  #texts: readonly string[] = [];

  constructor(probe: Probe, id: string, options: SpaceOptions) {
    this.probe = probe;
    this.id = id;
    this.options = options;
  }

  /** The first answer of DescribeSpace. */
  async described(): Promise<Answered<SpaceDescription__Output | null>> {
    this.#described ??= this.probe.describe(this.id);
    return await this.#described;
  }

  /** The description as it came. @throws NotChecked */
  async raw(): Promise<SpaceDescription__Output> {
    const { answer } = await this.described();
    if (answer === null) throw new NotChecked("there is no description");
    return answer;
  }

  /** The space. @throws NotChecked where its description cannot be used */
  async space(): Promise<Space> {
    this.#space ??= spaceOf(this.id, await this.raw());
    return this.#space;
  }

  /** Different architectures; one at least, and no more than fit into one request. */
  async texts(): Promise<readonly string[]> {
    if (this.#texts.length === 0) this.#texts = drawn(await this.space());
    return this.#texts;
  }

  /** A request with the digest of the description. @throws NotChecked */
  async request<Parts extends object>(parts: Parts) {
    const { id, digest } = (await this.space()).description;
    return { spaceId: id, spaceDigest: digest, ...parts };
  }

  /** The first answer of MeasureCost, for `texts`. */
  async costs(): Promise<Answered<readonly ArchitectureCost__Output[]>> {
    this.#costs ??= this.probe.measureCost(await this.request({ architectures: [...(await this.texts())] }));
    return await this.#costs;
  }

  /** The costs that are in it. @throws NotChecked */
  async answeredCosts(): Promise<readonly ArchitectureCost__Output[]> {
    const { answer } = await this.costs();
    if (answer === null) throw new NotChecked("MeasureCost gave no costs");
    return answer;
  }

  /** What is evaluated first: different architectures, and the first of them again where a request may hold as many. */
  async batch(): Promise<readonly [string, ...string[]]> {
    const { maxBatch } = (await this.space()).description;
    const room = Math.max(1, Math.min(this.options.evaluations, maxBatch - 1));
    const [first = "", ...rest] = (await this.texts()).slice(0, room);
    return maxBatch === 1 ? [first] : [first, ...rest, first];
  }

  /** What the first call of Evaluate brings, for `batch`. */
  async first(): Promise<Heard> {
    const batch = await this.batch();
    this.#first ??= this.probe.withRoom(() => this.evaluate(batch, "evaluating"));
    return await this.#first;
  }

  /** The same, where it ended properly. @throws NotChecked */
  async answered(): Promise<Heard> {
    const heard = await this.first();
    if (heard.refused !== null) throw new NotChecked("Evaluate did not end properly");
    return heard;
  }

  /** One call of Evaluate on the split "search"; says how far it is. */
  async evaluate(texts: readonly string[], what: string): Promise<Heard> {
    const request = await this.request({ split: "search", architectures: [...texts] });
    const count = `${texts.length} ${texts.length === 1 ? "architecture" : "architectures"}`;
    this.options.say(`${this.id}: ${what} ${count} …`);
    let done = 0;
    return await this.probe.evaluate(request, ({ outcome, progress }) => {
      if (outcome) done += 1;
      const part = progress ? `, place ${progress.index} at ${Math.round(progress.fraction * 100)}%` : "";
      this.options.say(`${this.id}: ${what} ${count}, ${done} done${part} …`);
      return false;
    });
  }
}

/** A text of the server in a message: one line, in quotes. */
export function quoted(text: string): string {
  return `"${shortLine(text)}"`;
}

// --- internal ---

function spaceOf(id: string, raw: SpaceDescription__Output): Space {
  try {
    return new Space(readDescription(id, raw, (what) => new ContractViolation(what)));
  } catch (error) {
    if (!(error instanceof ContractViolation)) throw error;
    throw new NotChecked("its description cannot be used");
  }
}

function drawn(space: Space): readonly string[] {
  const random = randomStream(1, "conform");
  const texts = new Set<string>();
  const most = Math.min(mostCosts, space.description.maxBatch);
  for (let draw = 0; draw < mostDraws && texts.size < most; draw++) texts.add(space.sample(random).text);
  return [...texts];
}
