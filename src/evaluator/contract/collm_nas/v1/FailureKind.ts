// Original file: proto/collm_nas/v1/evaluator.proto

export const FailureKind = {
  FAILURE_KIND_UNSPECIFIED: 'FAILURE_KIND_UNSPECIFIED',
  OUT_OF_MEMORY: 'OUT_OF_MEMORY',
  NOT_FINITE: 'NOT_FINITE',
  OUT_OF_RANGE: 'OUT_OF_RANGE',
  CRASHED: 'CRASHED',
} as const;

export type FailureKind =
  | 'FAILURE_KIND_UNSPECIFIED'
  | 0
  | 'OUT_OF_MEMORY'
  | 1
  | 'NOT_FINITE'
  | 2
  | 'OUT_OF_RANGE'
  | 3
  | 'CRASHED'
  | 4

export type FailureKind__Output = typeof FailureKind[keyof typeof FailureKind]
