// Original file: proto/collm_nas/v1/evaluator.proto

import type { Group as _collm_nas_v1_Group, Group__Output as _collm_nas_v1_Group__Output } from '../../collm_nas/v1/Group.ts';

export interface Dimension {
  'name'?: (string);
  'meaning'?: (string);
  'choices'?: (string)[];
  'numeric'?: (boolean);
  'groups'?: (_collm_nas_v1_Group)[];
  'activeCount'?: (string);
  'slotNames'?: (string)[];
}

export interface Dimension__Output {
  'name': (string);
  'meaning': (string);
  'choices': (string)[];
  'numeric': (boolean);
  'groups': (_collm_nas_v1_Group__Output)[];
  'activeCount': (string);
  'slotNames': (string)[];
}
