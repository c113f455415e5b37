// Original file: proto/collm_nas/v1/evaluator.proto

import type { Outcome as _collm_nas_v1_Outcome, Outcome__Output as _collm_nas_v1_Outcome__Output } from '../../collm_nas/v1/Outcome.ts';
import type { Progress as _collm_nas_v1_Progress, Progress__Output as _collm_nas_v1_Progress__Output } from '../../collm_nas/v1/Progress.ts';

export interface EvaluateResponse {
  'outcome'?: (_collm_nas_v1_Outcome | null);
  'progress'?: (_collm_nas_v1_Progress | null);
  'message'?: "outcome"|"progress";
}

export interface EvaluateResponse__Output {
  'outcome'?: (_collm_nas_v1_Outcome__Output | null);
  'progress'?: (_collm_nas_v1_Progress__Output | null);
  'message'?: "outcome"|"progress";
}
