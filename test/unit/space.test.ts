/** Any space: how architectures are read, spelt, sampled, mutated, crossed and listed. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ContractViolation } from "../../src/errors.ts";
import { type Random, randomStream } from "../../src/search/random.ts";
import type { Architecture } from "../../src/search/architecture.ts";
import { Space } from "../../src/search/space.ts";
import { spaceDescriptionSchema } from "../../src/search/space-description.ts";
import { arbitraryDescription, rawForms } from "../support/arbitrary-space.ts";
import { vectorSpaces } from "../support/vector-spaces.ts";

const seed = fc.integer({ min: 0, max: 2 ** 31 });

const arbitrarySpace = arbitraryDescription.map((description) => new Space(description));

const spaceAndRandom = fc
  .tuple(arbitrarySpace, seed)
  .map(([space, each]): [Space, Random] => [space, randomStream(each, "test")]);

/** The slots in which two architectures hold different choices although both use them. */
function differences(first: Architecture, second: Architecture): string[] {
  return first.choices.flatMap((slots, dimension) =>
    slots.flatMap((choice, slot) => {
      const other = second.choices[dimension]?.[slot] ?? null;
      return choice === null || other === null || choice === other ? [] : [`${dimension}[${slot}]`];
    }),
  );
}

/** Reading the text again gives the same architecture: it is legal, and its text is the canonical one. */
function expectCanonical(space: Space, architecture: Architecture): void {
  expect(space.fromText(architecture.text)).toEqual(architecture);
}

describe("spelling, over arbitrary spaces", () => {
  it("generates descriptions that the contract's schema admits", () => {
    fc.assert(
      fc.property(arbitraryDescription, (description) => {
        expect(spaceDescriptionSchema.parse(description)).toEqual(description);
      }),
    );
  });

  it("reads its own text back", () => {
    fc.assert(
      fc.property(spaceAndRandom, ([space, random]) => {
        expectCanonical(space, space.sample(random));
      }),
      { numRuns: 500 },
    );
  });

  it("reads its own text back with white space around it", () => {
    fc.assert(
      fc.property(spaceAndRandom, ([space, random]) => {
        const architecture = space.sample(random);
        expect(space.parse(` \t\r\n${architecture.text}\n `)).toMatchObject({ ok: true, architecture });
      }),
    );
  });

  it("reads the plain object and its JSON text back", () => {
    fc.assert(
      fc.property(spaceAndRandom, ([space, random]) => {
        const architecture = space.sample(random);
        const object = space.toObject(architecture);
        expect(space.parse(object)).toMatchObject({ ok: true, architecture });
        expect(space.parse(JSON.stringify(object))).toMatchObject({ ok: true, architecture });
      }),
      { numRuns: 300 },
    );
  });

  it("reads every loose form of an architecture as the same architecture", () => {
    const case_ = spaceAndRandom.chain(([space, random]) => {
      const architecture = space.sample(random);
      return rawForms(space, architecture).map((raw) => ({ space, architecture, raw }));
    });
    fc.assert(
      fc.property(case_, ({ space, architecture, raw }) => {
        expect(space.parse(raw)).toMatchObject({ ok: true, architecture });
      }),
      { numRuns: 800 },
    );
  });

  it("never throws and never accepts what is not canonical afterwards, whatever it is given", () => {
    fc.assert(
      fc.property(arbitrarySpace, fc.oneof(fc.jsonValue(), fc.string(), fc.anything()), (space, raw) => {
        const parsed = space.parse(raw);
        if (parsed.ok) expectCanonical(space, parsed.architecture);
        else expect(parsed.rejections.length).toBeGreaterThan(0);
      }),
      { numRuns: 500 },
    );
  });

  it("names a place that exists for each reason", () => {
    const broken = spaceAndRandom.chain(([space, random]) => {
      const object = space.toObject(space.sample(random));
      const [name = ""] = Object.keys(object);
      return fc.jsonValue().map((value) => ({ space, name, raw: { ...object, [name]: value } }));
    });
    fc.assert(
      fc.property(broken, ({ space, name, raw }) => {
        const parsed = space.parse(raw);
        const length = space.description.dimensions[0]?.groups.reduce((sum, { size }) => sum + size, 0) ?? 0;
        for (const { code, place, sentence } of parsed.ok ? [] : parsed.rejections) {
          const slot = /^(.+?)(?:\[(\d+)\])?$/.exec(place);
          // What `name` counts keeps its own slots, which can no longer be read.
          expect(slot?.[1]).toBe(name);
          expect(Number(slot?.[2] ?? 0)).toBeLessThan(length);
          expect(["wrong-length", "not-a-choice"]).toContain(code);
          expect(sentence).toContain(place);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("refuses text of the record that is legal but not canonical, and says the right spelling", () => {
    const space = vectorSpaces.get("layers") as Space;
    const loose = '{"depth":2,"dim":192,"mlp":[3,4],"heads":[3,4]}';
    const text = '{"mlp":[3.0,4.0,null,null],"heads":[3,4,null,null],"depth":[2],"dim":[192]}';
    expect(() => space.fromText(loose)).toThrow(
      new ContractViolation(
        `"${loose}" is not in the canonical form of space layers: its spelling is ${text}`,
      ),
    );
    expect(() => space.fromText("nothing")).toThrow(/not readable as an architecture/);
  });

  it("reads a text of 100,000 characters and no longer one", () => {
    const space = vectorSpaces.get("cell") as Space;
    const text = "|none~0|+|skip~0|conv1~1|+|conv3~0|pool~1|none~2|";
    expect(space.parse(text.padEnd(100_000)).ok).toBe(true);
    expect(space.parse(text.padEnd(100_001)).ok).toBe(false);
  });

  it("says why of entries that are long, deep or of another type, in short sentences", () => {
    const space = vectorSpaces.get("cell") as Space;
    let deep: unknown = {};
    for (let level = 0; level < 20_000; level++) deep = { deep };
    const parsed = space.parse({ op: ["x".repeat(10_000), deep, null, 1e300, true, "skip"] });
    expect(
      parsed.ok ? [] : parsed.rejections.map(({ place, sentence }) => [place, sentence.length < 200]),
    ).toEqual([0, 1, 2, 3, 4].map((slot) => [`op[${slot}]`, true]));
    expect(parsed.ok ? "" : parsed.rejections[1]?.sentence).toContain(
      '"op[1]" is an object; choices are none, skip',
    );
  });
});

describe("sampling and varying, over arbitrary spaces", () => {
  it("mutates exactly one slot that both use, and never into the same architecture", () => {
    fc.assert(
      fc.property(spaceAndRandom, ([space, random]) => {
        const architecture = space.sample(random);
        const mutant = space.mutate(architecture, random);
        expectCanonical(space, mutant);
        const free = space.freeSlots(architecture).map(({ dimension, slot }) => `${dimension}[${slot}]`);
        const changed = differences(architecture, mutant);
        expect(changed).toHaveLength(free.length === 0 ? 0 : 1);
        for (const slot of changed) expect(free).toContain(slot);
        if (free.length === 0) expect(mutant).toEqual(architecture);
      }),
      { numRuns: 500 },
    );
  });

  it("changes which slots are active only when it mutates a count", () => {
    const space = vectorSpaces.get("stages") as Space;
    const isActive = ({ choices }: Architecture) =>
      choices.map((slots) => slots.map((choice) => choice !== null));
    const random = randomStream(3, "activity");
    let changedCounts = 0;
    for (let time = 0; time < 300; time++) {
      const architecture = space.sample(random);
      const mutant = space.mutate(architecture, random);
      const isCount = differences(architecture, mutant)[0]?.startsWith("1[") === true;
      if (isCount) changedCounts += 1;
      expect(JSON.stringify(isActive(mutant)) === JSON.stringify(isActive(architecture))).toBe(!isCount);
    }
    expect(changedCounts).toBeGreaterThan(10);
  });

  it("crosses parents into a legal child that holds what one of them held", () => {
    fc.assert(
      fc.property(spaceAndRandom, ([space, random]) => {
        const [first, second] = [space.sample(random), space.sample(random)];
        const child = space.crossover(first, second, random);
        expectCanonical(space, child);
        for (const [dimension, slots] of child.choices.entries()) {
          for (const [slot, choice] of slots.entries()) {
            const held = [first, second]
              .map((parent) => parent.choices[dimension]?.[slot] ?? null)
              .filter((each) => each !== null);
            if (choice !== null && held.length > 0) expect(held).toContain(choice);
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it("crosses an architecture with itself into itself", () => {
    fc.assert(
      fc.property(spaceAndRandom, ([space, random]) => {
        const architecture = space.sample(random);
        expect(space.crossover(architecture, architecture, random)).toEqual(architecture);
      }),
    );
  });

  it("takes about half of a child from each parent", () => {
    const space = vectorSpaces.get("blocks") as Space;
    const [zeros, threes] = ["0", "3"].map((token) =>
      space.fromText(`{"block":[${Array.from({ length: 20 }, () => token).join(",")}]}`),
    ) as [Architecture, Architecture];
    const random = randomStream(5, "crossover");
    const threesHeld = Array.from(
      { length: 100 },
      () => space.crossover(zeros, threes, random).choices[0]?.filter((each) => each === 3).length ?? 0,
    );
    const share = threesHeld.reduce((sum, each) => sum + each, 0) / 2_000;
    expect(share).toBeGreaterThan(0.45);
    expect(share).toBeLessThan(0.55);
  });

  it("lists as neighbours each architecture that differs in one choice, once", () => {
    fc.assert(
      fc.property(spaceAndRandom, ([space, random]) => {
        const architecture = space.sample(random);
        const neighbours = space.neighbours(architecture);
        const expected = space
          .freeSlots(architecture)
          .reduce(
            (sum, { dimension }) => sum + (space.description.dimensions[dimension]?.choices.length ?? 0) - 1,
            0,
          );
        expect(neighbours).toHaveLength(expected);
        expect(new Set(neighbours.map(({ text }) => text)).size).toBe(expected);
        for (const neighbour of neighbours) {
          expectCanonical(space, neighbour);
          expect(differences(architecture, neighbour)).toHaveLength(1);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("fills a slot that becomes active in a neighbour with the choice before it", () => {
    const space = vectorSpaces.get("layers") as Space;
    const shallow = space.fromText(
      '{"mlp":[3.0,4.0,null,null],"heads":[3,4,null,null],"depth":[2],"dim":[192]}',
    );
    expect(space.neighbours(shallow).map(({ text }) => text)).toEqual(
      expect.arrayContaining([
        '{"mlp":[3.0,4.0,4.0,null],"heads":[3,4,4,null],"depth":[3],"dim":[192]}',
        '{"mlp":[3.0,4.0,4.0,4.0],"heads":[3,4,4,4],"depth":[4],"dim":[192]}',
      ]),
    );
  });

  it("enumerates as many different architectures as its size says", () => {
    const small = arbitrarySpace.filter(({ size }) => size <= 2_000n);
    fc.assert(
      fc.property(small, (space) => {
        const all = [...space.all()];
        expect(BigInt(all.length)).toBe(space.size);
        expect(new Set(all.map(({ text }) => text)).size).toBe(all.length);
        for (const architecture of all.slice(0, 50)) expectCanonical(space, architecture);
      }),
      { numRuns: 60 },
    );
  });

  it("knows the sizes of the vector spaces", () => {
    const sizes = Object.fromEntries([...vectorSpaces].map(([name, space]) => [name, space.size]));
    expect(sizes).toEqual({
      stages: 3n * (9n ** 2n + 9n ** 3n + 9n ** 4n) ** 5n,
      layers: 3n * (6n ** 2n + 6n ** 3n + 6n ** 4n),
      cell: 5n ** 6n,
      blocks: 4n ** 20n,
    });
  });

  it("draws every choice of a slot about equally often", () => {
    const space = vectorSpaces.get("cell") as Space;
    const random = randomStream(11, "even");
    const counts = [0, 0, 0, 0, 0];
    for (let time = 0; time < 1_000; time++) {
      for (const choice of space.sample(random).choices[0] ?? [])
        counts[choice ?? 0] = (counts[choice ?? 0] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 1_200)).toBeLessThan(120);
  });
});
