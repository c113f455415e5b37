/**
 * The options of `@grpc/proto-loader`: they decide how the contract's messages look in TypeScript.
 *
 * The adapter loads the contract with them, and `scripts/proto.mjs` reads them from this file to generate the types, so
 * that both always agree. Each option is on one line.
 */

export const contractOptions = {
  longs: String,
  enums: String,
  defaults: true,
  oneofs: true,
} as const;
