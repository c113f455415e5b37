// Original file: proto/collm_nas/v1/evaluator.proto


export interface Group {
  'name'?: (string);
  'size'?: (number);
}

export interface Group__Output {
  'name': (string);
  'size': (number);
}
