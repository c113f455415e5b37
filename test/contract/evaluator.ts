/**
 * What every Evaluator with its SpaceCatalog does, whoever implements it.
 *
 * Owns the promises of the two ports. Knows one thing of the implementation: how to get one and which space it serves.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ContractViolation, Interrupted, UsageError } from "../../src/errors.ts";
import type { Outcome } from "../../src/search/events.ts";
import type {
  EvaluationMessage,
  EvaluationRequest,
  Evaluator,
  SpaceCatalog,
} from "../../src/search/ports.ts";
import { randomStream } from "../../src/search/random.ts";
import { Space } from "../../src/search/space.ts";
import type { SpaceDescription } from "../../src/search/space-description.ts";

export interface EvaluatorSubject {
  readonly evaluator: Evaluator & SpaceCatalog;
  readonly close: () => Promise<void>;
}

/**
 * Declares the suite.
 *
 * @param name what is tested
 * @param spaceId a space that it serves, with more than 20 architectures, each of which can be measured
 * @param start makes one; called once
 * @param missing what there has to be first; then the suite is skipped and says so
 * @param count how many architectures it is asked for at a time, at least 5
 */
export function evaluatorSuite(
  name: string,
  spaceId: string,
  start: () => Promise<EvaluatorSubject>,
  missing: string | null = null,
  count = 20,
): void {
  describe.skipIf(missing !== null)(
    `evaluator: ${name}${missing === null ? "" : ` (skipped: ${missing})`}`,
    () => {
      const quiet = new AbortController().signal;
      let subject: EvaluatorSubject;
      let evaluator: Evaluator & SpaceCatalog;
      let space: SpaceDescription;
      /** Different architectures. */
      let texts: string[];

      beforeAll(async () => {
        subject = await start();
        evaluator = subject.evaluator;
        space = await evaluator.describe(spaceId, quiet);
        const drawn = new Set<string>();
        const random = randomStream(3, "contract");
        while (drawn.size < count) drawn.add(new Space(space).sample(random).text);
        texts = [...drawn];
      });

      afterAll(async () => {
        await subject?.close();
      });

      const costs = (request: Partial<EvaluationRequest> = {}, signal = quiet) =>
        evaluator.measureCosts({ space, texts, ...request }, signal);

      async function evaluate(
        request: Partial<EvaluationRequest> = {},
        signal = quiet,
      ): Promise<EvaluationMessage[]> {
        const messages: EvaluationMessage[] = [];
        for await (const message of evaluator.evaluate(
          { space, texts, split: "search", ...request },
          signal,
        )) {
          messages.push(message);
        }
        return messages;
      }

      /** The outcome at each place; fails when a place is answered twice. Seconds differ from time to time. */
      async function outcomes(of: readonly string[]): Promise<(Outcome | undefined)[]> {
        const byPlace = new Map<number, Outcome>();
        for (const message of await evaluate({ texts: of })) {
          if (message.kind !== "outcome") continue;
          expect(byPlace.has(message.index)).toBe(false);
          const { outcome } = message;
          byPlace.set(message.index, outcome.kind === "measurement" ? { ...outcome, seconds: 0 } : outcome);
        }
        expect([...byPlace.keys()].sort((one, other) => one - other)).toEqual([...of.keys()]);
        return [...of.keys()].map((place) => byPlace.get(place));
      }

      async function goesOn(): Promise<void> {
        expect((await costs({ texts: texts.slice(0, 1) }))[0]?.text).toBe(texts[0]);
        expect(await outcomes(texts.slice(0, 1))).toHaveLength(1);
      }

      it("lists the space as available, and says its own name", async () => {
        const { spaces, serverVersion } = await evaluator.list(quiet);
        expect(spaces.find(({ id }) => id === spaceId)).toMatchObject({
          available: true,
          unavailableReason: "",
        });
        expect(serverVersion).not.toBe("");
      });

      it("describes the space, each time the same", async () => {
        expect(space.id).toBe(spaceId);
        expect(await evaluator.describe(spaceId, quiet)).toEqual(space);
      });

      it("names the nearest space and all it has when asked for an unknown one", async () => {
        const asked = evaluator.describe(`${spaceId}x`, quiet);
        await expect(asked).rejects.toThrow(UsageError);
        await expect(asked).rejects.toThrow(`did you mean "${spaceId}"?`);
        await expect(evaluator.describe("", quiet)).rejects.toThrow(UsageError);
        await goesOn();
      });

      it("gives every cost, in the order asked, each time the same", async () => {
        const measured = await costs();
        expect(measured.map(({ text }) => text)).toEqual(texts);
        for (const each of measured) {
          expect(Object.keys(each.costs)).toEqual(space.costs.map(({ name: cost }) => cost));
          expect(Object.values(each.costs).every(Number.isFinite)).toBe(true);
        }
        expect(await costs({ texts: texts.toReversed() })).toEqual(measured.toReversed());
      });

      it("answers each place once, with what the architecture gets alone", async () => {
        const together = await outcomes(texts);
        for (const [place, text] of texts.slice(0, 5).entries()) {
          expect(await outcomes([text])).toEqual([together[place]]);
        }
        expect(together.every((outcome) => outcome?.kind === "measurement")).toBe(true);
      });

      it("gives a finite value for every metric", async () => {
        for (const outcome of await outcomes(texts)) {
          const metrics = outcome?.kind === "measurement" ? outcome.metrics : {};
          expect(Object.keys(metrics)).toEqual(space.metrics.map(({ name: metric }) => metric));
          expect(Object.values(metrics).every(Number.isFinite)).toBe(true);
        }
      });

      it("answers an architecture that is asked for twice at both places", async () => {
        const [one, other] = texts as [string, string];
        const [first, second, third] = await costs({ texts: [one, other, one] });
        expect(second?.text).toBe(other);
        expect(third).toEqual(first);
        const evaluated = await outcomes([one, other, one]);
        expect(evaluated[2]).toEqual(evaluated[0]);
      });

      it("serves more than the space's largest batch", async () => {
        const many = Array.from(
          { length: space.maxBatch + 3 },
          (_, place) => texts[place % texts.length] as string,
        );
        expect((await costs({ texts: many })).map(({ text }) => text)).toEqual(many);
        const evaluated = await outcomes(many);
        expect(evaluated.at(-1)).toEqual((await outcomes(many.slice(-1)))[0]);
      });

      it("has nothing to say about nothing", async () => {
        expect(await costs({ texts: [] })).toEqual([]);
        expect(await evaluate({ texts: [] })).toEqual([]);
      });

      it.each<[string, () => Partial<EvaluationRequest>]>([
        ["another digest", () => ({ space: { ...space, digest: "another" } })],
        ["another space", () => ({ space: { ...space, id: "another" } })],
        ["a text that is not canonical", () => ({ texts: [texts[0] as string, `${texts[1]} `] })],
        ["a text that is no architecture", () => ({ texts: ["nonsense"] })],
      ])("refuses %s and goes on", async (_, request) => {
        await expect(costs(request())).rejects.toThrow(ContractViolation);
        await expect(evaluate(request())).rejects.toThrow(ContractViolation);
        await goesOn();
      });

      it("refuses a split that the space does not have and goes on", async () => {
        await expect(evaluate({ split: "training" as "test" })).rejects.toThrow(ContractViolation);
        await goesOn();
      });

      it("does nothing when the signal is raised already", async () => {
        const raised = AbortSignal.abort();
        await expect(evaluator.list(raised)).rejects.toThrow(Interrupted);
        await expect(evaluator.describe(spaceId, raised)).rejects.toThrow(Interrupted);
        await expect(costs({}, raised)).rejects.toThrow(Interrupted);
        await expect(evaluate({}, raised)).rejects.toThrow(Interrupted);
        await goesOn();
      });

      it("stops in the middle of an evaluation when the signal is raised, and goes on", async () => {
        const controller = new AbortController();
        const many = Array.from(
          { length: 3 * space.maxBatch },
          (_, place) => texts[place % texts.length] as string,
        );
        let heard = 0;
        const stopped = (async () => {
          const request: EvaluationRequest = { space, texts: many, split: "search" };
          for await (const message of evaluator.evaluate(request, controller.signal)) {
            heard += message.kind === "outcome" ? 1 : 0;
            if (heard === 1) controller.abort();
          }
        })();
        await expect(stopped).rejects.toThrow(Interrupted);
        expect(heard).toBeGreaterThan(0);
        expect(heard).toBeLessThan(many.length);
        await goesOn();
      });

      it("goes on when nobody listens to an evaluation any more", async () => {
        for await (const _ of evaluator.evaluate({ space, texts, split: "search" }, quiet)) break;
        await goesOn();
      });

      it("serves calls at the same time", async () => {
        const [measured, one, other] = await Promise.all([costs(), outcomes(texts), outcomes(texts)]);
        expect(measured).toHaveLength(texts.length);
        expect(one).toEqual(other);
      });
    },
  );
}
