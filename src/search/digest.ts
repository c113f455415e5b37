/**
 * One digest for any JSON value, independent of key order.
 *
 * Owns the bytes that are hashed (RFC 8785 canonical JSON, SHA-256). Knows nothing of what is hashed.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import canonicalize from "canonicalize";

/** SHA-256 of a JSON value, as lower-case hexadecimal. */
export function digestOf(value: unknown): string {
  return bytesToHex(sha256(utf8ToBytes(canonicalize(value) ?? "")));
}

/** A running digest over a sequence of JSON values; `value()` seals all that was added so far. */
export class Seal {
  readonly #hash = sha256.create();

  /** Takes one more value into the sequence. */
  add(value: unknown): void {
    this.#hash.update(utf8ToBytes(`${canonicalize(value) ?? ""}\n`));
  }

  /** The digest of everything added so far, as lower-case hexadecimal. */
  value(): string {
    return bytesToHex(this.#hash.clone().digest());
  }
}
