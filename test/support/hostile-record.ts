/**
 * A space and a record in which every text is hostile, made from their schemas.
 *
 * Owns what has to agree between the members of a space and between the events of a record, chain digests included.
 */
import { parseConfig, setupOf } from "../../src/settings/config.ts";
import { blindSpace } from "../../src/search/blind.ts";
import { digestOf, RunningDigest } from "../../src/search/digest.ts";
import { eventBodySchema, type RunEvent, readEvent } from "../../src/search/events.ts";
import { Space } from "../../src/search/space.ts";
import { type SpaceDescription, spaceDescriptionSchema } from "../../src/search/space-description.ts";
import { hostile, hostileValues, type Overrides } from "./hostile-text.ts";

/** What has to fit together in a space. */
export const structure: Overrides = {
  numeric: false,
  choices: [`${hostile} 1`, `${hostile} 2`],
  groups: [{ name: hostile, size: 1 }],
  activeCount: "",
  template: "",
  maxBatch: 100,
};
const [described] = hostileValues(spaceDescriptionSchema, structure) as [SpaceDescription];
/** A space of two architectures. */
export const description: SpaceDescription = {
  ...described,
  splits: ["search", "test"].map((name) => ({ ...described.splits[0], name, meaning: hostile })),
};
/** How the world of the record was set up: the only member that is read by itself, and refused where it is wrong. */
const setup = setupOf(
  parseConfig({ space: "any", model: { name: hostile, baseUrl: "http://127.0.0.1:9/v1", maxTokens: 9 } }, ""),
);

/** Events that a record holds once: these begin it, and the others end it. */
const beginning = ["run-started", "results-known", "run-resumed"];
const ending = ["run-ended", "winner-tested", "oracle-tested"];

/** Events whose text is a person's or a model's, and no architecture's. */
const ofWords: readonly string[] = ["hint-given", "strategy-set"];

/** A record of two rounds that holds every event there is, with what has to agree put in agreement. */
export function hostileRecord(isBlind: boolean): RunEvent[] {
  // Where a search is blind, no text of the space's own is in what it found.
  const space = isBlind ? blindSpace(description, 1) : description;
  const [first, second] = [...new Space(space).all()].map(({ text }) => text as string);
  const events: RunEvent[] = [];
  const chain = new RunningDigest();
  const add = (body: Record<string, unknown>) => {
    const event = readEvent({ v: 1, seq: events.length + 1, at: "2026-01-01T00:00:00.000Z", ...body });
    if (!event.ok) throw new Error(`${String(body["type"])}: ${event.reason}`);
    events.push(event.event);
    chain.add(event.event);
  };
  const addAll = (types: (type: string) => boolean, round: number) => {
    const text = round === 1 ? first : second;
    for (const option of eventBodySchema.options.filter(({ shape }) => types(shape.type.value))) {
      const verdicts = (events.at(-1) as { candidates?: { verdict: { kind: string } }[] }).candidates ?? [];
      const values = hostileValues(option, {
        setup,
        metrics: { name: 50, [hostile]: 1 },
        ...(ofWords.includes(option.shape.type.value) ? {} : { text }),
        twin: first,
        round,
        candidate: verdicts.findIndex(({ verdict }) => verdict.kind === "accepted"),
        target: 99,
      }) as Record<string, unknown>[];
      const body = values[(round - 1) % values.length] ?? {};
      const before = chain.value();
      const chained: Readonly<Record<string, string>> = {
        "winner-tested": digestOf([before, body["text"], body["outcome"]]),
        "oracle-tested": digestOf([before, body["results"]]),
      };
      add("chain" in body ? { ...body, chain: chained[option.shape.type.value] ?? before } : body);
    }
  };
  const [start = {}] = hostileValues(eventBodySchema.options[0], {
    space,
    original: description,
    setup,
    target: 99,
    seed: 1,
  }) as Record<string, unknown>[];
  const { original, ...open } = start;
  add(isBlind ? { ...open, original } : open);
  addAll((type) => beginning.slice(1).includes(type), 1);
  for (const round of [1, 2]) addAll((type) => ![...beginning, ...ending].includes(type), round);
  addAll((type) => ending.includes(type), 1);
  return events;
}
