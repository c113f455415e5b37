// Original file: proto/collm_nas/v1/evaluator.proto

import type { ArchitectureCost as _collm_nas_v1_ArchitectureCost, ArchitectureCost__Output as _collm_nas_v1_ArchitectureCost__Output } from '../../collm_nas/v1/ArchitectureCost.ts';

export interface MeasureCostResponse {
  'costs'?: (_collm_nas_v1_ArchitectureCost)[];
}

export interface MeasureCostResponse__Output {
  'costs': (_collm_nas_v1_ArchitectureCost__Output)[];
}
