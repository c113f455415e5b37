/**
 * The model server for trying things by hand: `node test/support/model-server-main.mjs [PORT]` plays both roles until
 * it is stopped. Owns the port and the line that names it; vite, which vitest brings, reads the TypeScript.
 */
import { fileURLToPath } from "node:url";
import { runnerImport } from "vite";

const file = fileURLToPath(new URL("model-server.ts", import.meta.url));
const { playRoles, startModelServer } = (await runnerImport(file)).module;
const server = await startModelServer(playRoles(), Number(process.argv[2] ?? 0));
console.log(`model "test" at ${server.baseUrl}`);
