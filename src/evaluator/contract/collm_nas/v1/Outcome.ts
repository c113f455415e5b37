// Original file: proto/collm_nas/v1/evaluator.proto

import type { Measurement as _collm_nas_v1_Measurement, Measurement__Output as _collm_nas_v1_Measurement__Output } from '../../collm_nas/v1/Measurement.ts';
import type { Failure as _collm_nas_v1_Failure, Failure__Output as _collm_nas_v1_Failure__Output } from '../../collm_nas/v1/Failure.ts';

export interface Outcome {
  'index'?: (number);
  'architecture'?: (string);
  'measurement'?: (_collm_nas_v1_Measurement | null);
  'failure'?: (_collm_nas_v1_Failure | null);
  'result'?: "measurement"|"failure";
}

export interface Outcome__Output {
  'index': (number);
  'architecture': (string);
  'measurement'?: (_collm_nas_v1_Measurement__Output | null);
  'failure'?: (_collm_nas_v1_Failure__Output | null);
  'result'?: "measurement"|"failure";
}
