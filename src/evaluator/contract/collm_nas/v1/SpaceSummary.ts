// Original file: proto/collm_nas/v1/evaluator.proto


export interface SpaceSummary {
  'id'?: (string);
  'summary'?: (string);
  'available'?: (boolean);
  'unavailableReason'?: (string);
}

export interface SpaceSummary__Output {
  'id': (string);
  'summary': (string);
  'available': (boolean);
  'unavailableReason': (string);
}
