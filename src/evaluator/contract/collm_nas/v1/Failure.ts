// Original file: proto/collm_nas/v1/evaluator.proto

import type { FailureKind as _collm_nas_v1_FailureKind, FailureKind__Output as _collm_nas_v1_FailureKind__Output } from '../../collm_nas/v1/FailureKind.ts';

export interface Failure {
  'kind'?: (_collm_nas_v1_FailureKind);
  'message'?: (string);
}

export interface Failure__Output {
  'kind': (_collm_nas_v1_FailureKind__Output);
  'message': (string);
}
