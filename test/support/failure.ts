/** What an action fails with, for tests that look at an error from several sides. */

/** @throws when the action succeeds, or throws what is no error. */
export async function failureOf(action: Promise<unknown> | (() => unknown)): Promise<Error> {
  try {
    await (typeof action === "function" ? action() : action);
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
  throw new Error("expected a failure, but it succeeded");
}
