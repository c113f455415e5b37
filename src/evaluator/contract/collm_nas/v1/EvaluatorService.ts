// Original file: proto/collm_nas/v1/evaluator.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { DescribeSpaceRequest as _collm_nas_v1_DescribeSpaceRequest, DescribeSpaceRequest__Output as _collm_nas_v1_DescribeSpaceRequest__Output } from '../../collm_nas/v1/DescribeSpaceRequest.ts';
import type { DescribeSpaceResponse as _collm_nas_v1_DescribeSpaceResponse, DescribeSpaceResponse__Output as _collm_nas_v1_DescribeSpaceResponse__Output } from '../../collm_nas/v1/DescribeSpaceResponse.ts';
import type { EvaluateRequest as _collm_nas_v1_EvaluateRequest, EvaluateRequest__Output as _collm_nas_v1_EvaluateRequest__Output } from '../../collm_nas/v1/EvaluateRequest.ts';
import type { EvaluateResponse as _collm_nas_v1_EvaluateResponse, EvaluateResponse__Output as _collm_nas_v1_EvaluateResponse__Output } from '../../collm_nas/v1/EvaluateResponse.ts';
import type { ListSpacesRequest as _collm_nas_v1_ListSpacesRequest, ListSpacesRequest__Output as _collm_nas_v1_ListSpacesRequest__Output } from '../../collm_nas/v1/ListSpacesRequest.ts';
import type { ListSpacesResponse as _collm_nas_v1_ListSpacesResponse, ListSpacesResponse__Output as _collm_nas_v1_ListSpacesResponse__Output } from '../../collm_nas/v1/ListSpacesResponse.ts';
import type { MeasureCostRequest as _collm_nas_v1_MeasureCostRequest, MeasureCostRequest__Output as _collm_nas_v1_MeasureCostRequest__Output } from '../../collm_nas/v1/MeasureCostRequest.ts';
import type { MeasureCostResponse as _collm_nas_v1_MeasureCostResponse, MeasureCostResponse__Output as _collm_nas_v1_MeasureCostResponse__Output } from '../../collm_nas/v1/MeasureCostResponse.ts';

export interface EvaluatorServiceClient extends grpc.Client {
  DescribeSpace(argument: _collm_nas_v1_DescribeSpaceRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_collm_nas_v1_DescribeSpaceResponse__Output>): grpc.ClientUnaryCall;
  DescribeSpace(argument: _collm_nas_v1_DescribeSpaceRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_collm_nas_v1_DescribeSpaceResponse__Output>): grpc.ClientUnaryCall;
  DescribeSpace(argument: _collm_nas_v1_DescribeSpaceRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_collm_nas_v1_DescribeSpaceResponse__Output>): grpc.ClientUnaryCall;
  DescribeSpace(argument: _collm_nas_v1_DescribeSpaceRequest, callback: grpc.requestCallback<_collm_nas_v1_DescribeSpaceResponse__Output>): grpc.ClientUnaryCall;
  describeSpace(argument: _collm_nas_v1_DescribeSpaceRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_collm_nas_v1_DescribeSpaceResponse__Output>): grpc.ClientUnaryCall;
  describeSpace(argument: _collm_nas_v1_DescribeSpaceRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_collm_nas_v1_DescribeSpaceResponse__Output>): grpc.ClientUnaryCall;
  describeSpace(argument: _collm_nas_v1_DescribeSpaceRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_collm_nas_v1_DescribeSpaceResponse__Output>): grpc.ClientUnaryCall;
  describeSpace(argument: _collm_nas_v1_DescribeSpaceRequest, callback: grpc.requestCallback<_collm_nas_v1_DescribeSpaceResponse__Output>): grpc.ClientUnaryCall;
  
  Evaluate(argument: _collm_nas_v1_EvaluateRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_collm_nas_v1_EvaluateResponse__Output>;
  Evaluate(argument: _collm_nas_v1_EvaluateRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_collm_nas_v1_EvaluateResponse__Output>;
  evaluate(argument: _collm_nas_v1_EvaluateRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_collm_nas_v1_EvaluateResponse__Output>;
  evaluate(argument: _collm_nas_v1_EvaluateRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_collm_nas_v1_EvaluateResponse__Output>;
  
  ListSpaces(argument: _collm_nas_v1_ListSpacesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_collm_nas_v1_ListSpacesResponse__Output>): grpc.ClientUnaryCall;
  ListSpaces(argument: _collm_nas_v1_ListSpacesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_collm_nas_v1_ListSpacesResponse__Output>): grpc.ClientUnaryCall;
  ListSpaces(argument: _collm_nas_v1_ListSpacesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_collm_nas_v1_ListSpacesResponse__Output>): grpc.ClientUnaryCall;
  ListSpaces(argument: _collm_nas_v1_ListSpacesRequest, callback: grpc.requestCallback<_collm_nas_v1_ListSpacesResponse__Output>): grpc.ClientUnaryCall;
  listSpaces(argument: _collm_nas_v1_ListSpacesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_collm_nas_v1_ListSpacesResponse__Output>): grpc.ClientUnaryCall;
  listSpaces(argument: _collm_nas_v1_ListSpacesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_collm_nas_v1_ListSpacesResponse__Output>): grpc.ClientUnaryCall;
  listSpaces(argument: _collm_nas_v1_ListSpacesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_collm_nas_v1_ListSpacesResponse__Output>): grpc.ClientUnaryCall;
  listSpaces(argument: _collm_nas_v1_ListSpacesRequest, callback: grpc.requestCallback<_collm_nas_v1_ListSpacesResponse__Output>): grpc.ClientUnaryCall;
  
  MeasureCost(argument: _collm_nas_v1_MeasureCostRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_collm_nas_v1_MeasureCostResponse__Output>): grpc.ClientUnaryCall;
  MeasureCost(argument: _collm_nas_v1_MeasureCostRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_collm_nas_v1_MeasureCostResponse__Output>): grpc.ClientUnaryCall;
  MeasureCost(argument: _collm_nas_v1_MeasureCostRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_collm_nas_v1_MeasureCostResponse__Output>): grpc.ClientUnaryCall;
  MeasureCost(argument: _collm_nas_v1_MeasureCostRequest, callback: grpc.requestCallback<_collm_nas_v1_MeasureCostResponse__Output>): grpc.ClientUnaryCall;
  measureCost(argument: _collm_nas_v1_MeasureCostRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_collm_nas_v1_MeasureCostResponse__Output>): grpc.ClientUnaryCall;
  measureCost(argument: _collm_nas_v1_MeasureCostRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_collm_nas_v1_MeasureCostResponse__Output>): grpc.ClientUnaryCall;
  measureCost(argument: _collm_nas_v1_MeasureCostRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_collm_nas_v1_MeasureCostResponse__Output>): grpc.ClientUnaryCall;
  measureCost(argument: _collm_nas_v1_MeasureCostRequest, callback: grpc.requestCallback<_collm_nas_v1_MeasureCostResponse__Output>): grpc.ClientUnaryCall;
  
}

export interface EvaluatorServiceHandlers extends grpc.UntypedServiceImplementation {
  DescribeSpace: grpc.handleUnaryCall<_collm_nas_v1_DescribeSpaceRequest__Output, _collm_nas_v1_DescribeSpaceResponse>;
  
  Evaluate: grpc.handleServerStreamingCall<_collm_nas_v1_EvaluateRequest__Output, _collm_nas_v1_EvaluateResponse>;
  
  ListSpaces: grpc.handleUnaryCall<_collm_nas_v1_ListSpacesRequest__Output, _collm_nas_v1_ListSpacesResponse>;
  
  MeasureCost: grpc.handleUnaryCall<_collm_nas_v1_MeasureCostRequest__Output, _collm_nas_v1_MeasureCostResponse>;
  
}

export interface EvaluatorServiceDefinition extends grpc.ServiceDefinition {
  DescribeSpace: MethodDefinition<_collm_nas_v1_DescribeSpaceRequest, _collm_nas_v1_DescribeSpaceResponse, _collm_nas_v1_DescribeSpaceRequest__Output, _collm_nas_v1_DescribeSpaceResponse__Output>
  Evaluate: MethodDefinition<_collm_nas_v1_EvaluateRequest, _collm_nas_v1_EvaluateResponse, _collm_nas_v1_EvaluateRequest__Output, _collm_nas_v1_EvaluateResponse__Output>
  ListSpaces: MethodDefinition<_collm_nas_v1_ListSpacesRequest, _collm_nas_v1_ListSpacesResponse, _collm_nas_v1_ListSpacesRequest__Output, _collm_nas_v1_ListSpacesResponse__Output>
  MeasureCost: MethodDefinition<_collm_nas_v1_MeasureCostRequest, _collm_nas_v1_MeasureCostResponse, _collm_nas_v1_MeasureCostRequest__Output, _collm_nas_v1_MeasureCostResponse__Output>
}
