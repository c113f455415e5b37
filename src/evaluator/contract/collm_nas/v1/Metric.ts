// Original file: proto/collm_nas/v1/evaluator.proto


export interface Metric {
  'name'?: (string);
  'unit'?: (string);
  'meaning'?: (string);
  'higherIsBetter'?: (boolean);
}

export interface Metric__Output {
  'name': (string);
  'unit': (string);
  'meaning': (string);
  'higherIsBetter': (boolean);
}
