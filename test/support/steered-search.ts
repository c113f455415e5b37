/** A search beside a person, whose every call and append is a moment of the person's. */
import type { Observe } from "../../src/search/live-run.ts";
import { runSearch, type SearchPorts } from "../../src/search/coordinator.ts";
import type { EventBody, RunEvent, SearchConfig } from "../../src/search/events.ts";
import type { ChatRequest, Evaluator } from "../../src/search/ports.ts";
import { collm } from "../../src/searchers/collm.ts";
import { started, StillClock } from "./core-ports.ts";
import { MemoryEvaluator } from "./memory-evaluator.ts";
import { MemoryJournal } from "./memory-journal.ts";
import type { Person } from "./person.ts";
import { ScriptedChat } from "./scripted-chat.ts";
import { tinyTexts } from "./tiny-architectures.ts";

export const never = new AbortController().signal;

/** Replies that depend on the request alone; some cannot be read. */
function content({ role, round, attempt }: ChatRequest): string {
  if (role === "navigator" && round % 3 === 2 && attempt === 1) return "no";
  if (role === "navigator") return `strategy ${round} in more than five words`;
  const from = (7 * round) % 90;
  return `{"architectures": [${tinyTexts.slice(from, from + 3).join(", ")}]}`;
}

/** Ports whose every call and every append is a moment of the person's. */
export function watched(
  person: Person,
  journal: MemoryJournal,
): SearchPorts & { readonly chat: ScriptedChat } {
  const chat = new ScriptedChat(async (request) => {
    await person.moment();
    return content(request);
  });
  const inner = new MemoryEvaluator();
  const evaluator: Evaluator = {
    measureCosts: async (request, signal) => {
      await person.moment();
      return await inner.measureCosts(request, signal);
    },
    async *evaluate(request, signal) {
      for await (const message of inner.evaluate(request, signal)) {
        await person.moment();
        yield message;
      }
    },
  };
  return {
    searcher: collm,
    evaluator,
    models: { navigator: chat, generator: chat },
    journal,
    clock: new StillClock(),
    steering: person,
    chat,
  };
}

export function slowJournal(person: Person, events: readonly RunEvent[] = []): MemoryJournal {
  return new MemoryJournal({ events, beforeAppend: () => person.moment() });
}

export const begin = (steered: Partial<SearchConfig> = {}): EventBody =>
  ({
    ...started({ budget: 9, ...steered }),
    models: { navigator: "scripted", generator: "scripted" },
  }) as EventBody;

export async function steered(person: Person, observe?: Observe) {
  const journal = slowJournal(person);
  await journal.append([begin()]);
  const ports = watched(person, journal);
  const state = await runSearch([...journal.events], ports, never, observe);
  await person.allAnswered();
  return { state, events: journal.events, chat: ports.chat };
}
