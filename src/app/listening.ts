/**
 * Where the dashboard listens: its port, the names under which it is reached, and which of them are this machine's alone.
 */
import type { Server } from "node:http";
import { type AddressInfo, isIP } from "node:net";
import { hostname, networkInterfaces } from "node:os";
import { UsageError } from "../errors.ts";
import { codeOf } from "../system/system-error.ts";

export const loopback = "127.0.0.1";
export const mostPort = 65_535;
/** So many ports after the wanted one are tried. */
const morePorts = 20;

/** Listens on the port, or on the next one that is free. @returns the port */
export async function listen(server: Server, host: string, wanted: number): Promise<number> {
  const last = wanted === 0 ? 0 : Math.min(wanted + morePorts, mostPort);
  for (let port = wanted; port <= last; port++) {
    const failure = await new Promise<Error | null>((done) => {
      server.once("error", done);
      server.listen(port, host, () => {
        server.off("error", done);
        done(null);
      });
    });
    if (failure === null) return (server.address() as AddressInfo).port;
    const code = codeOf(failure);
    if (code === "EADDRINUSE") continue;
    throw new UsageError(
      code === "EACCES"
        ? `port ${port} on ${host} is not ours to take; name another --port`
        : `cannot listen on ${host} (${failure.message}); name another --host or --port`,
    );
  }
  throw new UsageError(
    `ports ${wanted} to ${last} on ${host} are taken; name another --port, or 0 for any that is free`,
  );
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

/** What may stand in Host beside loopback addresses. A name that somebody else gives this machine is never among it. */
export function hostsOf(host: string, port: number): Set<string> {
  const isEverywhere = host === "0.0.0.0" || host === "::";
  const addresses = Object.values(networkInterfaces()).flatMap((entries) =>
    (entries ?? []).map(({ address }) => address),
  );
  const names = [host, ...(isEverywhere ? [...addresses, hostname(), `${hostname()}.local`] : [])];
  return new Set(
    names.flatMap((name) => {
      const written = inAddress(name).toLowerCase();
      return port === 80 ? [written, `${written}:80`] : [`${written}:${port}`];
    }),
  );
}

export function inAddress(host: string): string {
  return isIP(host) === 6 ? `[${host}]` : host;
}
