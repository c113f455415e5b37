/**
 * How the TypeScript tests run: one process a file, with dist/ built before the first, so that a test may start the
 * command as a user does.
 */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/build.ts"],
    pool: "forks",
    // One on every core: most files wait for the processes that they start.
    maxWorkers: "100%",
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
