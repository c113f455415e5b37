/** `dashboard`: stub until filled. */
import type { Output } from "./output.ts";
export interface DashboardFlags {
  readonly port?: number | undefined;
  readonly host?: string | undefined;
  readonly allowRemote?: boolean | undefined;
  readonly readOnly?: boolean | undefined;
}
export interface DashboardBeside {
  /** What to say of it: one line with its address. */
  readonly words: string;
  close(): Promise<void>;
}
export async function dashboard(
  _folder: string | undefined,
  _flags: DashboardFlags,
  _output: Output,
  _signal: AbortSignal,
): Promise<void> {
  throw new Error("not written yet");
}
/** Starts a dashboard as a process of its own. @param run the run to show first */
export async function dashboardBeside(_folder: string, _run: string): Promise<DashboardBeside> {
  throw new Error("not written yet");
}
