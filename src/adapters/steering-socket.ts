/** The steering socket: stub until filled. */
import type { Steering } from "../search/ports.ts";
export interface SteeringSocket {
  readonly steering: Steering;
  /** Raised when somebody asked the run to stop. */
  readonly stop: AbortSignal;
  /** Why there is none; null: there is. */
  readonly trouble: string | null;
  close(): Promise<void>;
}
export async function openSteering(_folder: string, _refusesHints: string | null): Promise<SteeringSocket> {
  return {
    steering: { isPaused: () => false, continued: async () => {}, hintsTo: () => {} },
    stop: new AbortController().signal,
    trouble: null,
    close: async () => {},
  };
}
