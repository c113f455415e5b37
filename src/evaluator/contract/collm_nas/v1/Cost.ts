// Original file: proto/collm_nas/v1/evaluator.proto


export interface Cost {
  'name'?: (string);
  'unit'?: (string);
  'meaning'?: (string);
}

export interface Cost__Output {
  'name': (string);
  'unit': (string);
  'meaning': (string);
}
