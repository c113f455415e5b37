/**
 * Ends a process by SIGKILL at an exact place of its journal: `NODE_OPTIONS=--import=FILE KILL_AT_EVENT=7` when event
 * 7 has been written and nothing after it, 7.5 in the middle of writing event 8.
 *
 * Owns where a write is cut. Knows of the journal only that each line holds its number and that a FileHandle writes it.
 */
import { open } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const wanted = Number(process.env.KILL_AT_EVENT);
const self = await open(fileURLToPath(import.meta.url));
const prototype = Object.getPrototypeOf(self);
await self.close();

const { write } = prototype;
prototype.write = async function (bytes, offset, length, position) {
  const end = placeToDie(bytes, offset, length);
  if (end === null) return await write.call(this, bytes, offset, length, position);
  await write.call(this, bytes, offset, end - offset, position);
  process.kill(process.pid, "SIGKILL");
  return await new Promise(() => {});
};

/** Where to cut the bytes, or null when the wanted event is not among them. */
function placeToDie(bytes, offset, length) {
  if (!Buffer.isBuffer(bytes)) return null;
  const last = Math.ceil(wanted);
  for (let start = offset; start < offset + length; ) {
    const end = bytes.indexOf("\n", start) + 1;
    if (end === 0) return null;
    const seq = /^\{"v":\d+,"seq":(\d+),/.exec(
      bytes.toString("latin1", start, Math.min(end, start + 60)),
    )?.[1];
    if (Number(seq) === last) return wanted === last ? end : start + Math.floor((end - start) / 2);
    start = end;
  }
  return null;
}
