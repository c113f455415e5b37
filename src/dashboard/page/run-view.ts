/** The page of one run: placeholder until its author replaces this file. */
import { html } from "lit-html";
import { openRun } from "./run-stream.ts";
import type { Place } from "./router.ts";
import type { View } from "./view.ts";

export function openRunView({
  id,
  update,
}: {
  readonly id: string;
  readonly place: Place | null;
  readonly update: () => void;
}): View {
  const stream = openRun(id, update);
  return {
    title: id,
    render: () => html`<h1 tabindex="-1">${id}</h1><p>${stream.events.length} events</p>`,
    leave: () => stream.close(),
  };
}
