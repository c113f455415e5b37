// Original file: proto/collm_nas/v1/evaluator.proto


export interface MeasureCostRequest {
  'spaceId'?: (string);
  'spaceDigest'?: (string);
  'architectures'?: (string)[];
}

export interface MeasureCostRequest__Output {
  'spaceId': (string);
  'spaceDigest': (string);
  'architectures': (string)[];
}
