// Original file: proto/collm_nas/v1/evaluator.proto


export interface Measurement {
  'metrics'?: ({[key: string]: number | string});
  'seconds'?: (number | string);
  'standardErrors'?: ({[key: string]: number | string});
  'stored'?: (boolean);
}

export interface Measurement__Output {
  'metrics': ({[key: string]: number});
  'seconds': (number);
  'standardErrors': ({[key: string]: number});
  'stored': (boolean);
}
