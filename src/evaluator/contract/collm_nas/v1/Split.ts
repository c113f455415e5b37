// Original file: proto/collm_nas/v1/evaluator.proto


export interface Split {
  'name'?: (string);
  'meaning'?: (string);
  'data'?: (string);
}

export interface Split__Output {
  'name': (string);
  'meaning': (string);
  'data': (string);
}
