// Original file: proto/collm_nas/v1/evaluator.proto


export interface ArchitectureCost {
  'architecture'?: (string);
  'costs'?: ({[key: string]: number | string});
  'equivalenceKey'?: (string);
}

export interface ArchitectureCost__Output {
  'architecture': (string);
  'costs': ({[key: string]: number});
  'equivalenceKey': (string);
}
