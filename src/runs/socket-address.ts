/**
 * Where the control socket of a run is, and the address by which a process reaches it.
 *
 * Systems limit the path of a socket to about a hundred bytes. On Linux a longer path works too.
 */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";

/** The address of a run's control socket. */
export interface SocketAddress {
  readonly path: string;
  /** After this the address may lead elsewhere. */
  release(): Promise<void>;
}

/** The socket's file. */
export function socketPath(folder: string): string {
  return join(folder, socketName);
}

/** Null where the path is too long and there is no way around it. */
export async function addressOf(folder: string): Promise<SocketAddress | null> {
  const path = socketPath(folder);
  if (Buffer.byteLength(path) <= longestPath) return { path, release: async () => {} };
  if (process.platform !== "linux") return null;
  // A folder that is held open has a short name.
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  return { path: `/proc/self/fd/${handle.fd}/${socketName}`, release: () => handle.close() };
}

// --- internal ---

const socketName = "control.sock";
/** The longest path of a Unix socket, in bytes. */
const longestPath = process.platform === "linux" ? 107 : 103;
