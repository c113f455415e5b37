// Original file: proto/collm_nas/v1/evaluator.proto


export interface DescribeSpaceRequest {
  'spaceId'?: (string);
}

export interface DescribeSpaceRequest__Output {
  'spaceId': (string);
}
