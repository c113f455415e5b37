/** What a view is: the part of the page that fills it. */
import type { TemplateResult } from "lit-html";
import type { Place } from "./router.ts";

export interface View {
  /** The title of the window as long as this is shown. */
  readonly title: string;
  /** What is to be seen now. */
  render(): TemplateResult;
  /** Goes to another place in the same run; absent: a new view is made for it. */
  move?(place: Place | null): void;
  /** Ends what it has under way: another view is shown from now on. */
  leave(): void;
}
