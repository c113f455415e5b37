/**
 * How the contract's messages look in TypeScript.
 *
 * Owns the options of `@grpc/proto-loader`: the adapter loads the contract with them, and `scripts/proto.mjs` reads
 * them out of this file to generate the types. One line an option, so that the two can never differ.
 */

export const contractOptions = {
  longs: String,
  enums: String,
  defaults: true,
  oneofs: true,
} as const;
