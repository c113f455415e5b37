/**
 * Computes one digest for any JSON value, independent of key order.
 *
 * The digest is SHA-256 of canonical JSON as in RFC 8785. The meaning of the values is not known here.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";

/** SHA-256 of a JSON value, as lower-case hexadecimal. */
export function digestOf(value: unknown): string {
  return bytesToHex(sha256(utf8ToBytes(canonical(value))));
}

/** A running digest over a sequence of JSON values; `value()` is the digest of all that was added so far. */
export class RunningDigest {
  readonly #hash = sha256.create();

  /** Adds a value to the sequence. */
  add(value: unknown): void {
    this.#hash.update(utf8ToBytes(`${canonical(value)}\n`));
  }

  /** The digest of everything added so far, as lower-case hexadecimal. */
  value(): string {
    return bytesToHex(this.#hash.clone().digest());
  }
}

/**
 * Keys sorted, no white space, everything else as JSON.stringify writes it. RFC 8785 refuses half a surrogate
 * pair, which a model's reply may hold; here it is escaped, as in a journal line.
 */
function canonical(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  let members = "";
  // Every record is read through here, so no list is made that is not needed.
  for (const key of Object.keys(value).sort()) {
    const member = (value as Readonly<Record<string, unknown>>)[key];
    if (member !== undefined)
      members += `${members === "" ? "" : ","}${JSON.stringify(key)}:${canonical(member)}`;
  }
  return `{${members}}`;
}
