// Original file: proto/collm_nas/v1/evaluator.proto

import type { SpaceSummary as _collm_nas_v1_SpaceSummary, SpaceSummary__Output as _collm_nas_v1_SpaceSummary__Output } from '../../collm_nas/v1/SpaceSummary.ts';

export interface ListSpacesResponse {
  'spaces'?: (_collm_nas_v1_SpaceSummary)[];
  'serverVersion'?: (string);
}

export interface ListSpacesResponse__Output {
  'spaces': (_collm_nas_v1_SpaceSummary__Output)[];
  'serverVersion': (string);
}
