/** `dashboard`: the live page of a folder of runs, until it is stopped. The page is served by app/dashboard.ts. */
import { type DashboardOptions, serveDashboard } from "../app/dashboard.ts";
import type { Output } from "./output.ts";

/** Serves the page of a folder until the signal is raised, which is how it ends well. */
export async function dashboard(
  named: string | undefined,
  flags: Omit<DashboardOptions, "say">,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const ending = endOf(signal);
  const say = (line: string) => output.say(`collm-nas: ${line}`);
  const { address, folder, token, close } = await serveDashboard(named, { ...flags, say });
  output.result({ address, folder, token }, [
    address,
    `the runs of ${folder}; open this address in a browser, and press Ctrl-C here when done`,
  ]);
  await new Promise<void>((done) => {
    if (ending.aborted) done();
    else ending.addEventListener("abort", () => done(), { once: true });
  });
  await close();
}

// --- internal ---

/** Raised by the signal, or when the process that started this one is gone. */
function endOf(signal: AbortSignal): AbortSignal {
  if (process.connected !== true) return signal;
  const gone = new AbortController();
  process.once("disconnect", () => gone.abort());
  return AbortSignal.any([signal, gone.signal]);
}
