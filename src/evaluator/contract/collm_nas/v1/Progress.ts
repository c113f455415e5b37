// Original file: proto/collm_nas/v1/evaluator.proto


export interface Progress {
  'index'?: (number);
  'fraction'?: (number | string);
  'note'?: (string);
}

export interface Progress__Output {
  'index': (number);
  'fraction': (number);
  'note': (string);
}
