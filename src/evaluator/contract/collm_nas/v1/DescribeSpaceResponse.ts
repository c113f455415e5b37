// Original file: proto/collm_nas/v1/evaluator.proto

import type { SpaceDescription as _collm_nas_v1_SpaceDescription, SpaceDescription__Output as _collm_nas_v1_SpaceDescription__Output } from '../../collm_nas/v1/SpaceDescription.ts';

export interface DescribeSpaceResponse {
  'space'?: (_collm_nas_v1_SpaceDescription | null);
}

export interface DescribeSpaceResponse__Output {
  'space': (_collm_nas_v1_SpaceDescription__Output | null);
}
