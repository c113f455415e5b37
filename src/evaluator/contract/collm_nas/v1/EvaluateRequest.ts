// Original file: proto/collm_nas/v1/evaluator.proto


export interface EvaluateRequest {
  'spaceId'?: (string);
  'spaceDigest'?: (string);
  'split'?: (string);
  'architectures'?: (string)[];
}

export interface EvaluateRequest__Output {
  'spaceId': (string);
  'spaceDigest': (string);
  'split': (string);
  'architectures': (string)[];
}
