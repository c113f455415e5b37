from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FailureKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FAILURE_KIND_UNSPECIFIED: _ClassVar[FailureKind]
    OUT_OF_MEMORY: _ClassVar[FailureKind]
    NOT_FINITE: _ClassVar[FailureKind]
    OUT_OF_RANGE: _ClassVar[FailureKind]
    CRASHED: _ClassVar[FailureKind]
FAILURE_KIND_UNSPECIFIED: FailureKind
OUT_OF_MEMORY: FailureKind
NOT_FINITE: FailureKind
OUT_OF_RANGE: FailureKind
CRASHED: FailureKind

class ListSpacesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListSpacesResponse(_message.Message):
    __slots__ = ("spaces", "server_version")
    SPACES_FIELD_NUMBER: _ClassVar[int]
    SERVER_VERSION_FIELD_NUMBER: _ClassVar[int]
    spaces: _containers.RepeatedCompositeFieldContainer[SpaceSummary]
    server_version: str
    def __init__(self, spaces: _Optional[_Iterable[_Union[SpaceSummary, _Mapping]]] = ..., server_version: _Optional[str] = ...) -> None: ...

class SpaceSummary(_message.Message):
    __slots__ = ("id", "summary", "available", "unavailable_reason")
    ID_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_FIELD_NUMBER: _ClassVar[int]
    UNAVAILABLE_REASON_FIELD_NUMBER: _ClassVar[int]
    id: str
    summary: str
    available: bool
    unavailable_reason: str
    def __init__(self, id: _Optional[str] = ..., summary: _Optional[str] = ..., available: bool = ..., unavailable_reason: _Optional[str] = ...) -> None: ...

class DescribeSpaceRequest(_message.Message):
    __slots__ = ("space_id",)
    SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    space_id: str
    def __init__(self, space_id: _Optional[str] = ...) -> None: ...

class DescribeSpaceResponse(_message.Message):
    __slots__ = ("space",)
    SPACE_FIELD_NUMBER: _ClassVar[int]
    space: SpaceDescription
    def __init__(self, space: _Optional[_Union[SpaceDescription, _Mapping]] = ...) -> None: ...

class SpaceDescription(_message.Message):
    __slots__ = ("id", "summary", "digest", "dimensions", "template", "metrics", "costs", "splits", "parallelism", "max_batch", "provenance")
    ID_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    COSTS_FIELD_NUMBER: _ClassVar[int]
    SPLITS_FIELD_NUMBER: _ClassVar[int]
    PARALLELISM_FIELD_NUMBER: _ClassVar[int]
    MAX_BATCH_FIELD_NUMBER: _ClassVar[int]
    PROVENANCE_FIELD_NUMBER: _ClassVar[int]
    id: str
    summary: str
    digest: str
    dimensions: _containers.RepeatedCompositeFieldContainer[Dimension]
    template: str
    metrics: _containers.RepeatedCompositeFieldContainer[Metric]
    costs: _containers.RepeatedCompositeFieldContainer[Cost]
    splits: _containers.RepeatedCompositeFieldContainer[Split]
    parallelism: int
    max_batch: int
    provenance: str
    def __init__(self, id: _Optional[str] = ..., summary: _Optional[str] = ..., digest: _Optional[str] = ..., dimensions: _Optional[_Iterable[_Union[Dimension, _Mapping]]] = ..., template: _Optional[str] = ..., metrics: _Optional[_Iterable[_Union[Metric, _Mapping]]] = ..., costs: _Optional[_Iterable[_Union[Cost, _Mapping]]] = ..., splits: _Optional[_Iterable[_Union[Split, _Mapping]]] = ..., parallelism: _Optional[int] = ..., max_batch: _Optional[int] = ..., provenance: _Optional[str] = ...) -> None: ...

class Dimension(_message.Message):
    __slots__ = ("name", "meaning", "choices", "numeric", "groups", "active_count", "slot_names")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MEANING_FIELD_NUMBER: _ClassVar[int]
    CHOICES_FIELD_NUMBER: _ClassVar[int]
    NUMERIC_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_COUNT_FIELD_NUMBER: _ClassVar[int]
    SLOT_NAMES_FIELD_NUMBER: _ClassVar[int]
    name: str
    meaning: str
    choices: _containers.RepeatedScalarFieldContainer[str]
    numeric: bool
    groups: _containers.RepeatedCompositeFieldContainer[Group]
    active_count: str
    slot_names: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., meaning: _Optional[str] = ..., choices: _Optional[_Iterable[str]] = ..., numeric: bool = ..., groups: _Optional[_Iterable[_Union[Group, _Mapping]]] = ..., active_count: _Optional[str] = ..., slot_names: _Optional[_Iterable[str]] = ...) -> None: ...

class Group(_message.Message):
    __slots__ = ("name", "size")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    name: str
    size: int
    def __init__(self, name: _Optional[str] = ..., size: _Optional[int] = ...) -> None: ...

class Metric(_message.Message):
    __slots__ = ("name", "unit", "meaning", "higher_is_better")
    NAME_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    MEANING_FIELD_NUMBER: _ClassVar[int]
    HIGHER_IS_BETTER_FIELD_NUMBER: _ClassVar[int]
    name: str
    unit: str
    meaning: str
    higher_is_better: bool
    def __init__(self, name: _Optional[str] = ..., unit: _Optional[str] = ..., meaning: _Optional[str] = ..., higher_is_better: bool = ...) -> None: ...

class Cost(_message.Message):
    __slots__ = ("name", "unit", "meaning")
    NAME_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    MEANING_FIELD_NUMBER: _ClassVar[int]
    name: str
    unit: str
    meaning: str
    def __init__(self, name: _Optional[str] = ..., unit: _Optional[str] = ..., meaning: _Optional[str] = ...) -> None: ...

class Split(_message.Message):
    __slots__ = ("name", "meaning", "data")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MEANING_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    name: str
    meaning: str
    data: str
    def __init__(self, name: _Optional[str] = ..., meaning: _Optional[str] = ..., data: _Optional[str] = ...) -> None: ...

class MeasureCostRequest(_message.Message):
    __slots__ = ("space_id", "space_digest", "architectures")
    SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    SPACE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    ARCHITECTURES_FIELD_NUMBER: _ClassVar[int]
    space_id: str
    space_digest: str
    architectures: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, space_id: _Optional[str] = ..., space_digest: _Optional[str] = ..., architectures: _Optional[_Iterable[str]] = ...) -> None: ...

class MeasureCostResponse(_message.Message):
    __slots__ = ("costs",)
    COSTS_FIELD_NUMBER: _ClassVar[int]
    costs: _containers.RepeatedCompositeFieldContainer[ArchitectureCost]
    def __init__(self, costs: _Optional[_Iterable[_Union[ArchitectureCost, _Mapping]]] = ...) -> None: ...

class ArchitectureCost(_message.Message):
    __slots__ = ("architecture", "costs", "equivalence_key")
    class CostsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    COSTS_FIELD_NUMBER: _ClassVar[int]
    EQUIVALENCE_KEY_FIELD_NUMBER: _ClassVar[int]
    architecture: str
    costs: _containers.ScalarMap[str, float]
    equivalence_key: str
    def __init__(self, architecture: _Optional[str] = ..., costs: _Optional[_Mapping[str, float]] = ..., equivalence_key: _Optional[str] = ...) -> None: ...

class EvaluateRequest(_message.Message):
    __slots__ = ("space_id", "space_digest", "split", "architectures")
    SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    SPACE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    SPLIT_FIELD_NUMBER: _ClassVar[int]
    ARCHITECTURES_FIELD_NUMBER: _ClassVar[int]
    space_id: str
    space_digest: str
    split: str
    architectures: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, space_id: _Optional[str] = ..., space_digest: _Optional[str] = ..., split: _Optional[str] = ..., architectures: _Optional[_Iterable[str]] = ...) -> None: ...

class EvaluateResponse(_message.Message):
    __slots__ = ("outcome", "progress")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    outcome: Outcome
    progress: Progress
    def __init__(self, outcome: _Optional[_Union[Outcome, _Mapping]] = ..., progress: _Optional[_Union[Progress, _Mapping]] = ...) -> None: ...

class Outcome(_message.Message):
    __slots__ = ("index", "architecture", "measurement", "failure")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    MEASUREMENT_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    index: int
    architecture: str
    measurement: Measurement
    failure: Failure
    def __init__(self, index: _Optional[int] = ..., architecture: _Optional[str] = ..., measurement: _Optional[_Union[Measurement, _Mapping]] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ...) -> None: ...

class Measurement(_message.Message):
    __slots__ = ("metrics", "seconds", "standard_errors", "stored")
    class MetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class StandardErrorsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    METRICS_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    STANDARD_ERRORS_FIELD_NUMBER: _ClassVar[int]
    STORED_FIELD_NUMBER: _ClassVar[int]
    metrics: _containers.ScalarMap[str, float]
    seconds: float
    standard_errors: _containers.ScalarMap[str, float]
    stored: bool
    def __init__(self, metrics: _Optional[_Mapping[str, float]] = ..., seconds: _Optional[float] = ..., standard_errors: _Optional[_Mapping[str, float]] = ..., stored: bool = ...) -> None: ...

class Failure(_message.Message):
    __slots__ = ("kind", "message")
    KIND_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    kind: FailureKind
    message: str
    def __init__(self, kind: _Optional[_Union[FailureKind, str]] = ..., message: _Optional[str] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ("index", "fraction", "note")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    FRACTION_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    index: int
    fraction: float
    note: str
    def __init__(self, index: _Optional[int] = ..., fraction: _Optional[float] = ..., note: _Optional[str] = ...) -> None: ...
