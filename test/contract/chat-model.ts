/**
 * What every ChatModel must do, whoever plays the role: one suite, called once for each implementation.
 *
 * Owns the promises of the port. Knows no implementation: a subject brings its models, its requests and what counts as
 * the answer to one of them.
 */
import { setTimeout as wait } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { Interrupted } from "../../src/errors.ts";
import { type ChatReply, chatReplySchema } from "../../src/search/events.ts";
import type { ChatModel, ChatRequest } from "../../src/search/ports.ts";

export interface ChatModelSubject {
  /** A model for one test; what it needs is taken down by the subject when that test is over. */
  open(): Promise<ChatModel>;
  /** Requests that can be told apart by their answers; `number` is 0 to 7. */
  request(number: number): ChatRequest;
  /** Whether `reply` is the answer to request `number` and to no other. */
  isAnswer(number: number, reply: ChatReply): boolean;
  /** A model that is asked and stays silent, or why there is none and so nothing to interrupt. */
  readonly openSilent: (() => Promise<ChatModel>) | string;
}

const quiet = () => new AbortController().signal;

/** Longer than any of these answers take, and far shorter than a test may. */
const promptly = 2_000;

export function describeChatModel(name: string, subject: ChatModelSubject): void {
  describe(`ChatModel: ${name}`, () => {
    test("has a label in one line, the same before and after a reply", async () => {
      const model = await subject.open();
      const { label } = model;
      expect(label).toMatch(/^\S.*$/);
      await model.reply(subject.request(0), quiet());
      expect(model.label).toBe(label);
    });

    test("returns the whole reply, fit for the record", async () => {
      const model = await subject.open();
      const reply = await model.reply(subject.request(1), quiet());
      expect(chatReplySchema.parse(reply)).toEqual(reply);
      expect(JSON.parse(JSON.stringify(reply))).toEqual(reply);
      expect(reply.seconds).toBeGreaterThanOrEqual(0);
      expect(subject.isAnswer(1, reply)).toBe(true);
    });

    test("leaves the request as it was", async () => {
      const model = await subject.open();
      const request = subject.request(2);
      freeze(request.messages);
      freeze(request.schema);
      const before = JSON.stringify([request.messages, request.schema]);
      await model.reply(Object.freeze(request), quiet());
      expect(JSON.stringify([request.messages, request.schema])).toBe(before);
    });

    test("answers requests that overlap, each with its own reply", async () => {
      const model = await subject.open();
      const numbers = [...Array(8).keys()];
      const replies = await Promise.all(numbers.map((each) => model.reply(subject.request(each), quiet())));
      expect(numbers.filter((each) => !subject.isAnswer(each, replies[each] as ChatReply))).toEqual([]);
    });

    const { openSilent } = subject;
    const nothing = typeof openSilent === "string";
    describe.skipIf(nothing)(nothing ? `interrupted (${openSilent})` : "interrupted", () => {
      test("throws Interrupted when the signal is already raised", async () => {
        const model = await subject.open();
        await expect(model.reply(subject.request(3), AbortSignal.abort())).rejects.toBeInstanceOf(
          Interrupted,
        );
        expect(subject.isAnswer(3, await model.reply(subject.request(3), quiet()))).toBe(true);
      });

      test("throws Interrupted at once when the signal is raised", async () => {
        const model = await (openSilent as () => Promise<ChatModel>)();
        const controller = new AbortController();
        const outcome = model.reply(subject.request(4), controller.signal).catch((error: unknown) => error);
        await wait(100);
        const begin = performance.now();
        controller.abort();
        expect(await outcome).toBeInstanceOf(Interrupted);
        expect(performance.now() - begin).toBeLessThan(promptly);
      });

      test("interrupts one request and leaves the others alone", async () => {
        const model = await (openSilent as () => Promise<ChatModel>)();
        const [first, second] = [new AbortController(), new AbortController()];
        const stopped = model.reply(subject.request(5), first.signal).catch((error: unknown) => error);
        const waiting = model.reply(subject.request(6), second.signal).catch((error: unknown) => error);
        await wait(100);
        first.abort();
        expect(await stopped).toBeInstanceOf(Interrupted);
        expect(await Promise.race([waiting, wait(50, "still waiting")])).toBe("still waiting");
        second.abort();
        expect(await waiting).toBeInstanceOf(Interrupted);
      });
    });
  });
}

// --- internal ---

function freeze(value: unknown): void {
  if (typeof value !== "object" || value === null) return;
  for (const inner of Object.values(value)) freeze(inner);
  Object.freeze(value);
}
