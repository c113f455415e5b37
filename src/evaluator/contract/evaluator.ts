import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { ArchitectureCost as _collm_nas_v1_ArchitectureCost, ArchitectureCost__Output as _collm_nas_v1_ArchitectureCost__Output } from './collm_nas/v1/ArchitectureCost.ts';
import type { Cost as _collm_nas_v1_Cost, Cost__Output as _collm_nas_v1_Cost__Output } from './collm_nas/v1/Cost.ts';
import type { DescribeSpaceRequest as _collm_nas_v1_DescribeSpaceRequest, DescribeSpaceRequest__Output as _collm_nas_v1_DescribeSpaceRequest__Output } from './collm_nas/v1/DescribeSpaceRequest.ts';
import type { DescribeSpaceResponse as _collm_nas_v1_DescribeSpaceResponse, DescribeSpaceResponse__Output as _collm_nas_v1_DescribeSpaceResponse__Output } from './collm_nas/v1/DescribeSpaceResponse.ts';
import type { Dimension as _collm_nas_v1_Dimension, Dimension__Output as _collm_nas_v1_Dimension__Output } from './collm_nas/v1/Dimension.ts';
import type { EvaluateRequest as _collm_nas_v1_EvaluateRequest, EvaluateRequest__Output as _collm_nas_v1_EvaluateRequest__Output } from './collm_nas/v1/EvaluateRequest.ts';
import type { EvaluateResponse as _collm_nas_v1_EvaluateResponse, EvaluateResponse__Output as _collm_nas_v1_EvaluateResponse__Output } from './collm_nas/v1/EvaluateResponse.ts';
import type { EvaluatorServiceClient as _collm_nas_v1_EvaluatorServiceClient, EvaluatorServiceDefinition as _collm_nas_v1_EvaluatorServiceDefinition } from './collm_nas/v1/EvaluatorService.ts';
import type { Failure as _collm_nas_v1_Failure, Failure__Output as _collm_nas_v1_Failure__Output } from './collm_nas/v1/Failure.ts';
import type { Group as _collm_nas_v1_Group, Group__Output as _collm_nas_v1_Group__Output } from './collm_nas/v1/Group.ts';
import type { ListSpacesRequest as _collm_nas_v1_ListSpacesRequest, ListSpacesRequest__Output as _collm_nas_v1_ListSpacesRequest__Output } from './collm_nas/v1/ListSpacesRequest.ts';
import type { ListSpacesResponse as _collm_nas_v1_ListSpacesResponse, ListSpacesResponse__Output as _collm_nas_v1_ListSpacesResponse__Output } from './collm_nas/v1/ListSpacesResponse.ts';
import type { MeasureCostRequest as _collm_nas_v1_MeasureCostRequest, MeasureCostRequest__Output as _collm_nas_v1_MeasureCostRequest__Output } from './collm_nas/v1/MeasureCostRequest.ts';
import type { MeasureCostResponse as _collm_nas_v1_MeasureCostResponse, MeasureCostResponse__Output as _collm_nas_v1_MeasureCostResponse__Output } from './collm_nas/v1/MeasureCostResponse.ts';
import type { Measurement as _collm_nas_v1_Measurement, Measurement__Output as _collm_nas_v1_Measurement__Output } from './collm_nas/v1/Measurement.ts';
import type { Metric as _collm_nas_v1_Metric, Metric__Output as _collm_nas_v1_Metric__Output } from './collm_nas/v1/Metric.ts';
import type { Outcome as _collm_nas_v1_Outcome, Outcome__Output as _collm_nas_v1_Outcome__Output } from './collm_nas/v1/Outcome.ts';
import type { Progress as _collm_nas_v1_Progress, Progress__Output as _collm_nas_v1_Progress__Output } from './collm_nas/v1/Progress.ts';
import type { SpaceDescription as _collm_nas_v1_SpaceDescription, SpaceDescription__Output as _collm_nas_v1_SpaceDescription__Output } from './collm_nas/v1/SpaceDescription.ts';
import type { SpaceSummary as _collm_nas_v1_SpaceSummary, SpaceSummary__Output as _collm_nas_v1_SpaceSummary__Output } from './collm_nas/v1/SpaceSummary.ts';
import type { Split as _collm_nas_v1_Split, Split__Output as _collm_nas_v1_Split__Output } from './collm_nas/v1/Split.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  collm_nas: {
    v1: {
      ArchitectureCost: MessageTypeDefinition<_collm_nas_v1_ArchitectureCost, _collm_nas_v1_ArchitectureCost__Output>
      Cost: MessageTypeDefinition<_collm_nas_v1_Cost, _collm_nas_v1_Cost__Output>
      DescribeSpaceRequest: MessageTypeDefinition<_collm_nas_v1_DescribeSpaceRequest, _collm_nas_v1_DescribeSpaceRequest__Output>
      DescribeSpaceResponse: MessageTypeDefinition<_collm_nas_v1_DescribeSpaceResponse, _collm_nas_v1_DescribeSpaceResponse__Output>
      Dimension: MessageTypeDefinition<_collm_nas_v1_Dimension, _collm_nas_v1_Dimension__Output>
      EvaluateRequest: MessageTypeDefinition<_collm_nas_v1_EvaluateRequest, _collm_nas_v1_EvaluateRequest__Output>
      EvaluateResponse: MessageTypeDefinition<_collm_nas_v1_EvaluateResponse, _collm_nas_v1_EvaluateResponse__Output>
      EvaluatorService: SubtypeConstructor<typeof grpc.Client, _collm_nas_v1_EvaluatorServiceClient> & { service: _collm_nas_v1_EvaluatorServiceDefinition }
      Failure: MessageTypeDefinition<_collm_nas_v1_Failure, _collm_nas_v1_Failure__Output>
      FailureKind: EnumTypeDefinition
      Group: MessageTypeDefinition<_collm_nas_v1_Group, _collm_nas_v1_Group__Output>
      ListSpacesRequest: MessageTypeDefinition<_collm_nas_v1_ListSpacesRequest, _collm_nas_v1_ListSpacesRequest__Output>
      ListSpacesResponse: MessageTypeDefinition<_collm_nas_v1_ListSpacesResponse, _collm_nas_v1_ListSpacesResponse__Output>
      MeasureCostRequest: MessageTypeDefinition<_collm_nas_v1_MeasureCostRequest, _collm_nas_v1_MeasureCostRequest__Output>
      MeasureCostResponse: MessageTypeDefinition<_collm_nas_v1_MeasureCostResponse, _collm_nas_v1_MeasureCostResponse__Output>
      Measurement: MessageTypeDefinition<_collm_nas_v1_Measurement, _collm_nas_v1_Measurement__Output>
      Metric: MessageTypeDefinition<_collm_nas_v1_Metric, _collm_nas_v1_Metric__Output>
      Outcome: MessageTypeDefinition<_collm_nas_v1_Outcome, _collm_nas_v1_Outcome__Output>
      Progress: MessageTypeDefinition<_collm_nas_v1_Progress, _collm_nas_v1_Progress__Output>
      SpaceDescription: MessageTypeDefinition<_collm_nas_v1_SpaceDescription, _collm_nas_v1_SpaceDescription__Output>
      SpaceSummary: MessageTypeDefinition<_collm_nas_v1_SpaceSummary, _collm_nas_v1_SpaceSummary__Output>
      Split: MessageTypeDefinition<_collm_nas_v1_Split, _collm_nas_v1_Split__Output>
    }
  }
}

