// Original file: proto/collm_nas/v1/evaluator.proto


export interface ListSpacesRequest {
}

export interface ListSpacesRequest__Output {
}
