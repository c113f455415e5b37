/** Says what happened, in one sentence for each event. */
import type { Outcome, RunEvent, Verdict } from "../../search/events.ts";
import { listed } from "../../text/words.ts";
import { endings, capUnits, truncationWords, verdictNames } from "../../report/words.ts";
import { preciseDuration as duration } from "../../text/durations.ts";
import { counted, number, withError } from "../../text/numbers.ts";

/** Every type of event, in the order in which a run brings them, for a choice among them. */
export const eventTypes = [
  "run-started",
  "results-known",
  "run-resumed",
  "run-paused",
  "run-continued",
  "hint-given",
  "costs-measured",
  "chat-replied",
  "chat-failed",
  "reply-rejected",
  "reply-repaired",
  "cap-reached",
  "strategy-set",
  "round-proposed",
  "architecture-measured",
  "round-closed",
  "run-ended",
  "winner-tested",
  "oracle-tested",
] as const satisfies readonly RunEvent["type"][];

/** One sentence on an event, without its time. */
export function eventSentence(event: RunEvent): string {
  switch (event.type) {
    case "run-started":
      return `The run began: ${event.label ?? event.search.searcher} on ${event.space.id}, ${counted(event.search.budget, "evaluation")}, seed ${event.search.seed}.`;
    case "results-known":
      return `${counted(event.results.length, "result was", "results were")} known before, from ${event.source}; the costs were measured.`;
    case "run-resumed": {
      const changes = [
        ...(event.budget === null ? [] : [`a budget of ${event.budget}`]),
        ...(event.rounds === null ? [] : [`at most ${counted(event.rounds, "round")}`]),
        ...(event.caps === undefined ? [] : ["other caps"]),
        ...(event.models === null ? [] : ["other models"]),
      ];
      const repairs = event.repairs.length === 0 ? "" : ` Repaired first: ${event.repairs.join("; ")}.`;
      return `The run was resumed${changes.length === 0 ? "" : ` with ${listed(changes)}`}.${repairs}`;
    }
    case "run-paused":
      return event.round === 0
        ? "A person paused the run before its first round."
        : `A person paused the run after round ${event.round}.`;
    case "run-continued":
      return "A person continued the run.";
    case "hint-given":
      return `A person gave the Navigator of round ${event.round} a hint: ${event.text}`;
    case "costs-measured":
      return `Round ${event.round}: the costs of ${counted(event.measured.length, "architecture")} were measured before proposing.`;
    case "chat-replied": {
      const { inputTokens, outputTokens, seconds, model } = event.reply;
      const tokens =
        inputTokens === null && outputTokens === null
          ? "tokens not given"
          : `${number(inputTokens)} + ${number(outputTokens)} tokens`;
      return `Round ${event.round}: the ${roleName(event.role)} replied (${model}, ${tokens}, ${duration(seconds)}${event.attempt > 1 ? `, attempt ${event.attempt}` : ""}).${event.truncated === undefined ? "" : ` ${truncationWords(event.truncated.promptTokens)}.`}`;
    }
    case "chat-failed":
      return `Round ${event.round}: a call of the ${roleName(event.role)} brought no reply: ${event.failures.join("; ")}.`;
    case "reply-rejected":
      return `Round ${event.round}: the ${roleName(event.role)}'s reply could not be read: ${event.reasons.join("; ")}.`;
    case "reply-repaired":
      return `Round ${event.round}: the form of the ${roleName(event.role)}'s reply was repaired (${Object.entries(
        event.repairs,
      )
        .map(([kind, times]) => (times > 1 ? `${kind} ${times} times` : kind))
        .join(", ")}).`;
    case "cap-reached":
      return `Round ${event.round}: the cap of ${number(event.allowed)} ${capUnits[event.cap]} is reached: ${number(event.spent)} used${event.needed > 0 ? `, the next call may need ${number(event.needed)}` : ""}.`;
    case "strategy-set":
      return `Round ${event.round}: a strategy was set (${counted(event.text.length, "character")}).`;
    case "round-proposed": {
      const counts = new Map<Verdict["kind"], number>();
      for (const { verdict } of event.candidates)
        counts.set(verdict.kind, (counts.get(verdict.kind) ?? 0) + 1);
      const parts = [...counts].map(([kind, count]) => `${count} ${verdictNames[kind]}`);
      return `Round ${event.round}: ${counted(event.candidates.length, "candidate")} proposed${parts.length === 0 ? "" : `: ${parts.join(", ")}`}.`;
    }
    case "architecture-measured":
      return `Round ${event.round}, candidate ${event.candidate + 1}: ${outcomeWords(event.outcome)}.`;
    case "round-closed":
      return `Round ${event.round} is closed.`;
    case "run-ended":
      return `The run ended: ${endings[event.reason]}.`;
    case "winner-tested":
      return `The winner on the test split: ${outcomeWords(event.outcome)}.`;
    case "oracle-tested":
      return `The test split was asked for ${counted(event.results.length, "architecture")}, after the end.`;
  }
}

/** As a person reads it. */
export function roleName(role: "navigator" | "generator"): string {
  return role === "navigator" ? "Navigator" : "Generator";
}

/** What an evaluation gave: every metric by name, or how it failed. */
export function outcomeWords(outcome: Outcome): string {
  return outcome.kind === "failure"
    ? `failed, ${outcome.failure.replaceAll("-", " ")}${outcome.message === "" ? "" : `: ${outcome.message}`}`
    : Object.entries(outcome.metrics)
        .map(([name, value]) => `${name} ${withError(value, outcome.standardErrors?.[name] ?? null)}`)
        .join(", ");
}
