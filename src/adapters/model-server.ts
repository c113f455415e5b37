/**
 * Whether a model server is there at all.
 *
 * Owns the one question that can be asked of every server without a key and without cost. Whether it has the model
 * and how it answers is openai-chat.ts's business.
 */

const longestWaitMs = 5_000;

/** Null when something answers over HTTP at `baseUrl`, whatever it says; else why not. */
export async function unreachable(baseUrl: string, signal: AbortSignal): Promise<string | null> {
  try {
    const patience = AbortSignal.any([signal, AbortSignal.timeout(longestWaitMs)]);
    const { body } = await fetch(`${baseUrl.replace(/\/+$/, "")}/models`, { signal: patience });
    await body?.cancel();
    return null;
  } catch (error) {
    const { cause, message } = error as Error;
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
    return code === "" ? message : code;
  }
}
