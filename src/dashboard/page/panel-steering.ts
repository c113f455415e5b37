/**
 * Lets a person pause, continue or stop a run, or give its Navigator a hint.
 *
 * It asks for the token, and for a second press before it stops a run. The run decides what an order does.
 */
import { html, nothing, type TemplateResult } from "lit-html";
import type { Answer, Order } from "../../search/ports.ts";
import { awaited, type PanelContext, type Panel } from "./panel.ts";
import { announce } from "./parts.ts";
import type { Snapshot } from "./snapshot.ts";
import { onToken, setToken, token } from "./token.ts";

/** How long the second press may take, in milliseconds. */
const confirmMs = 8_000;

export function steeringPanel(context: PanelContext): Panel {
  let isStopping = false;
  let stoppingTimer: ReturnType<typeof setTimeout> | null = null;
  let isAsking = false;
  let hint = "";
  let typed = "";
  /** What was answered last. */
  let answer: Answer | null = null;
  const ignore = onToken(() => context.changed());

  const say = (said: Answer) => {
    answer = said;
    announce(said.words);
    context.changed();
  };

  const notStopping = () => {
    isStopping = false;
    if (stoppingTimer !== null) clearTimeout(stoppingTimer);
    stoppingTimer = null;
  };

  const give = async (order: Order): Promise<void> => {
    if (isAsking) return;
    isAsking = true;
    notStopping();
    context.changed();
    const said = await sendOrder(context.id, order);
    isAsking = false;
    if (said.ok && order.order === "hint") hint = "";
    say(said);
  };

  const stop = () => {
    if (isStopping) {
      void give({ order: "stop" });
      return;
    }
    isStopping = true;
    stoppingTimer = setTimeout(() => {
      notStopping();
      context.changed();
    }, confirmMs);
    announce("Press once more to stop the run.");
    context.changed();
  };

  const take = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (typed.trim() === "") {
      say({ ok: false, words: "Type the token that the command printed." });
      return;
    }
    const said = await setToken(typed.trim()).then(
      (isRight) =>
        isRight
          ? { ok: true, words: "The token is right: this page can steer." }
          : {
              ok: false,
              words: "That is not the token. The command printed it when it started.",
            },
      () => ({ ok: false, words: "The server cannot be reached. Is the command still running?" }),
    );
    if (said.ok) typed = "";
    say(said);
  };

  const ordersView = ({ status }: Snapshot): TemplateResult => {
    const isPaused = status?.condition === "paused";
    return html`<div class="row" role="group" aria-label="Orders">
        <button type="button" ?disabled=${isAsking || isPaused} @click=${() => void give({ order: "pause" })}>Pause after this round</button>
        <button type="button" ?disabled=${isAsking} @click=${() => void give({ order: "resume" })}>Resume</button>
        <button type="button" class=${isStopping ? "danger" : ""} ?disabled=${isAsking} @click=${stop}>${isStopping ? "Press again to stop" : "Stop"}</button>
      </div>
      <form class="hint-form" @submit=${(event: Event) => {
        event.preventDefault();
        if (hint.trim() === "") say({ ok: false, words: "Write the hint first." });
        else void give({ order: "hint", text: hint.trim() });
      }}>
        <label for="hint-text">Hint to the Navigator</label>
        <textarea id="hint-text" rows="3" aria-describedby="hint-words" .value=${hint} @input=${({
          currentTarget,
        }: Event) => {
          hint = (currentTarget as HTMLTextAreaElement).value;
        }}></textarea>
        <p class="faint" id="hint-words">It is sent with the next request for a strategy and written into the record. A run with a hint is left out of the averages of benches.</p>
        <button type="submit" ?disabled=${isAsking}>Send hint</button>
      </form>`;
  };

  const tokenView =
    (): TemplateResult => html`<p>Read only: this page cannot steer. The person who started the dashboard has the token.</p>
    <form class="row" @submit=${(event: Event) => void take(event)}>
      <label>Token <input type="text" autocomplete="off" spellcheck="false" .value=${typed} @input=${({
        currentTarget,
      }: Event) => {
        typed = (currentTarget as HTMLInputElement).value;
      }}></label>
      <button type="submit">Use token</button>
    </form>`;

  return {
    title: "Steering",
    render: (snapshot) => {
      const answered =
        answer === null
          ? nothing
          : html`<p class=${answer.ok ? "answer" : "answer trouble"} data-part="answer">${answer.words}</p>`;
      if (snapshot.status?.isSteerable !== true)
        return html`${answered}${awaited(unsteerableWords(snapshot))}`;
      return html`${token() === null ? tokenView() : ordersView(snapshot)}${answered}`;
    },
    leave: () => {
      ignore();
      notStopping();
    },
  };
}

// --- internal ---

function unsteerableWords({ status }: Snapshot): string {
  if (status === null) return "Whether the run can be steered is being asked.";
  return status.condition === "running" || status.condition === "paused"
    ? "This run takes no orders: its process has no steering socket, or another program works on it."
    : "Only a run under way can be steered.";
}

/** Sends an order; what went wrong on the way is an answer too. */
async function sendOrder(id: string, order: Order): Promise<Answer> {
  try {
    const answer = await fetch(`/api/runs/${encodeURIComponent(id)}/steer`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${encodeURIComponent(token() ?? "")}`,
      },
      body: JSON.stringify(order),
    });
    const said: unknown = await answer.json().catch(() => null);
    if (isAnswer(said)) return said;
    return {
      ok: false,
      words:
        answer.status === 403 || answer.status === 401
          ? "The server does not take this token: it was started again. Open the address that it printed."
          : `The server answered with status ${answer.status} and no words.`,
    };
  } catch {
    return { ok: false, words: "The server cannot be reached. Is the command still running?" };
  }
}

function isAnswer(value: unknown): value is Answer {
  return (
    typeof value === "object" &&
    value !== null &&
    "ok" in value &&
    typeof value.ok === "boolean" &&
    "words" in value &&
    typeof value.words === "string"
  );
}
