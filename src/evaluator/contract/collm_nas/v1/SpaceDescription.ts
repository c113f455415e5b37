// Original file: proto/collm_nas/v1/evaluator.proto

import type { Dimension as _collm_nas_v1_Dimension, Dimension__Output as _collm_nas_v1_Dimension__Output } from '../../collm_nas/v1/Dimension.ts';
import type { Metric as _collm_nas_v1_Metric, Metric__Output as _collm_nas_v1_Metric__Output } from '../../collm_nas/v1/Metric.ts';
import type { Cost as _collm_nas_v1_Cost, Cost__Output as _collm_nas_v1_Cost__Output } from '../../collm_nas/v1/Cost.ts';
import type { Split as _collm_nas_v1_Split, Split__Output as _collm_nas_v1_Split__Output } from '../../collm_nas/v1/Split.ts';

export interface SpaceDescription {
  'id'?: (string);
  'summary'?: (string);
  'digest'?: (string);
  'dimensions'?: (_collm_nas_v1_Dimension)[];
  'template'?: (string);
  'metrics'?: (_collm_nas_v1_Metric)[];
  'costs'?: (_collm_nas_v1_Cost)[];
  'splits'?: (_collm_nas_v1_Split)[];
  'parallelism'?: (number);
  'maxBatch'?: (number);
  'provenance'?: (string);
}

export interface SpaceDescription__Output {
  'id': (string);
  'summary': (string);
  'digest': (string);
  'dimensions': (_collm_nas_v1_Dimension__Output)[];
  'template': (string);
  'metrics': (_collm_nas_v1_Metric__Output)[];
  'costs': (_collm_nas_v1_Cost__Output)[];
  'splits': (_collm_nas_v1_Split__Output)[];
  'parallelism': (number);
  'maxBatch': (number);
  'provenance': (string);
}
