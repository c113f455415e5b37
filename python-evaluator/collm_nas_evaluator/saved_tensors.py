"""Reads a file of torch.save as data, without PyTorch: which tensors it has and where their bytes are.

Owns the two serializations (today's archive, and the row of pickles before PyTorch 1.6), the names that may be in
them, and the bounds: on bytes, on operations, and on the size of tensors. No class of a file is made and no function is
called; everything beside the weights is skipped. Knows no family and no weight's value.
"""

import os
import struct
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BufferedReader
from math import prod

from collm_nas_evaluator.files import Pieces, instead
from collm_nas_evaluator.tables.pickle_stream import (
    OPAQUE,
    NameRefused,
    Opaque,
    Reader,
    Record,
    StreamRefused,
    whole_name,
)

LARGEST = 4 << 30
"""Bytes of a file; the largest official one has about 1 billion, with the state of its optimizer."""
OPERATIONS, PLAIN_BYTES, LONGEST_TEXT = 500_000, 64 << 20, 16 << 20
"""How many opcodes, bytes and characters of one text the description of a file may have; official ones have 60,000."""
EXPANSION = 2
"""How many times the bytes of its file the tensors may have together. Tensors may share bytes."""
_MOST_AXES = 8
_PIECE = 1 << 20
_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
"""The numbers at the start of a file of torch.save, before its files were archives."""

ITEM_BYTES = {
    "float64": 8,
    "float32": 4,
    "float16": 2,
    "bfloat16": 2,
    "int64": 8,
    "int32": 4,
    "int16": 2,
    "int8": 1,
    "uint8": 1,
    "bool": 1,
}
"""The kinds of numbers that are read, by PyTorch's name, and their bytes each."""
_STORAGES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "UntypedStorage": "uint8",
}
_OTHER_STORAGES = {
    "ComplexFloatStorage": ("complex64", 8),
    "ComplexDoubleStorage": ("complex128", 16),
    "QInt8Storage": ("qint8", 1),
    "QUInt8Storage": ("quint8", 1),
    "QInt32Storage": ("qint32", 4),
    "QUInt4x2Storage": ("quint4x2", 1),
    "QUInt2x4Storage": ("quint2x4", 1),
}
"""Kinds of numbers that no weight of ours has, with their bytes each."""
_OTHER_TENSORS = {
    "_rebuild_qtensor": "a quantized tensor",
    "_rebuild_sparse_tensor": "a sparse tensor",
    "_rebuild_sparse_csr_tensor": "a sparse tensor",
    "_rebuild_nested_tensor": "a nested tensor",
    "_rebuild_meta_tensor_no_storage": "a tensor without values (meta)",
    "_rebuild_wrapper_subclass": "a tensor of a class of its own",
    "_rebuild_device_tensor_from_numpy": "a tensor of another device",
    "_rebuild_device_tensor_from_cpu_tensor": "a tensor of another device",
    "_rebuild_xla_tensor": "a tensor of another device",
}
_PLAIN = (
    *("bool", "bytes", "complex", "dict", "float", "frozenset", "int", "list", "range", "set", "slice"),
    *("str", "tuple"),
)
_READ_PAST = {
    "_codecs": ("encode",),
    "argparse": ("Namespace",),
    "builtins": _PLAIN,
    "__builtin__": (*_PLAIN, "long", "xrange"),
    "collections": ("Counter", "defaultdict", "deque"),
    "datetime": ("date", "datetime", "time", "timedelta", "timezone"),
    "decimal": ("Decimal",),
    "easydict": ("EasyDict",),
    "fractions": ("Fraction",),
    "numpy": (
        *("dtype", "ndarray", "bool_", "float16", "float32", "float64", "int16", "int32", "int64", "int8"),
        *("uint16", "uint32", "uint64", "uint8"),
    ),
    "numpy.core.multiarray": ("_reconstruct", "scalar"),
    "numpy._core.multiarray": ("_reconstruct", "scalar"),
    "numpy.core.numeric": ("_frombuffer",),
    "numpy._core.numeric": ("_frombuffer",),
    "pathlib": ("Path", "PosixPath", "PurePath", "PurePosixPath", "PureWindowsPath", "WindowsPath"),
    "pathlib._local": ("Path", "PosixPath", "PurePath", "PurePosixPath", "PureWindowsPath", "WindowsPath"),
    "torch": (
        *("Size", "Tensor", "device", "per_channel_affine", "per_channel_affine_float_qparams"),
        *("per_channel_symmetric", "per_tensor_affine", "per_tensor_symmetric"),
    ),
    "torch.nn.parameter": ("Parameter",),
    "torch.serialization": ("_get_layout",),
    "types": ("SimpleNamespace",),
    "uuid": ("UUID",),
    "yacs.config": ("CfgNode",),
}
"""Classes of plain values that people save with their weights. They are neither made nor kept."""


@dataclass(frozen=True, slots=True)
class Storage:
    """A row of `count` numbers of a file, under `key`; `start` is the first of them that is meant."""

    key: str
    kind: str
    count: int
    item_bytes: int
    start: int = 0

    @property
    def bytes(self) -> int:
        """How many bytes all of its numbers take."""
        return self.count * self.item_bytes


@dataclass(frozen=True, slots=True)
class SavedTensor:
    """A tensor as a view of a storage: `start`, `shape` and `strides` count numbers."""

    storage: Storage
    start: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def bytes(self) -> int:
        """How many bytes a copy of it takes."""
        return prod(self.shape) * self.storage.item_bytes


@dataclass(frozen=True, slots=True)
class Foreign:
    """A tensor of a kind that is not read, which the text names."""

    what: str


@dataclass(frozen=True, slots=True)
class _Kind:
    """A class of storages, or a type of numbers, by PyTorch's name of its numbers."""

    name: str
    item_bytes: int


@dataclass(frozen=True, slots=True)
class _Maker:
    """A function of PyTorch that puts a tensor together, or a container that a state dictionary is."""

    name: str


@dataclass(frozen=True, slots=True)
class Saved:
    """The object of a file, with a SavedTensor for each tensor; `fill` copies a whole storage of it into memory."""

    root: object
    fill: Callable[[Storage, memoryview], None]


class FileRefused(Exception):
    """The file was not written by torch.save, or is damaged; the text says what it is instead, and the next step."""


def look(file: BufferedReader) -> Saved:
    """Reads the description of an open file, and no weight.

    Raises NameRefused when it asks for a class or function, FileRefused, and the errors of UNREADABLE.
    """
    size = file.seek(0, os.SEEK_END)
    if size > LARGEST:
        raise FileRefused(f"has {size:,} bytes, more than any supernet's ({LARGEST:,})")
    file.seek(0)
    start = file.read(512)
    if start.startswith(b"PK\x03\x04"):
        return _archive(file, size)
    if start.startswith(b"\x80"):
        return _row(file, size)
    if start[257:262] == b"ustar" and start.partition(b"\0")[0] in (b"sys_info", b"pickle", b"tensors", b"storages"):
        raise FileRefused("was written by PyTorch before 0.1.10; load it with such a version and save it with a later")
    what = instead(start)
    raise FileRefused(f"is {what}" if what else "is not a PyTorch checkpoint, or a cut one; download it again")


UNREADABLE = (StreamRefused, OSError, EOFError, ValueError, RuntimeError, struct.error, zipfile.BadZipFile)
"""What `look` and `fill` raise for files that are cut, damaged or hostile."""


# ----- the archive, since PyTorch 1.6 -----


def _archive(file: BufferedReader, size: int) -> Saved:
    archive = zipfile.ZipFile(Pieces(file))
    members = {each.filename: each for each in archive.infolist()}
    root = next((name for name in members if name.count("/") == 1 and name.endswith("/data.pkl")), None)
    if root is None:
        raise FileRefused(f"is a ZIP archive, but not one of torch.save{_inside(list(members))}")
    folder = root.removesuffix("data.pkl")
    if f"{folder}constants.pkl" in members or any(name.startswith(f"{folder}code/") for name in members):
        raise FileRefused("is a program (TorchScript); save the state_dict() of the model instead")
    if len(members) != len(archive.infolist()) or any(each.compress_type for each in members.values()):
        raise FileRefused(
            "has members that are compressed or there twice, which torch.save never writes; download it again"
        )
    if members[root].CRC == 0:  # torch.serialization.set_crc32_options(False): no checksum is in the file
        for each in members.values():
            del each.CRC
    if f"{folder}byteorder" in members and archive.read(f"{folder}byteorder") != b"little":
        raise FileRefused("was written where the highest byte comes first; save it again on a usual machine")
    with archive.open(root) as member:
        reader = _Description(member.read, size)
        whole = reader.load()

    def fill(storage: Storage, memory: memoryview) -> None:
        member = members.get(f"{folder}data/{storage.key}")
        if member is None or member.file_size != storage.bytes:
            raise StreamRefused(f"the bytes of storage {storage.key} are missing")
        with archive.open(member) as stored:
            _filled(stored.read, memory)
            if stored.read(1):  # at the end the checksum is compared
                raise StreamRefused("something follows the end of a storage")

    return Saved(whole, fill)


def _inside(names: list[str]) -> str:
    files = [name for name in names if not name.endswith("/") and not name.startswith("__MACOSX/")]
    if not files:
        return "; download the file again"
    if all(name.endswith(".npy") for name in files):
        return "; it holds arrays of NumPy"
    return f"; unpack it and name what was in it ({ascii(files[0][:120])[1:-1]} is the first of {len(files)})"


# ----- the row of pickles, before -----


def _row(file: BufferedReader, size: int) -> Saved:
    """A number, a version, the machine it was on, the object, the keys of the storages; then the count and the bytes of
    each."""
    file.seek(0)
    reader = _Description(file.read, size)
    if reader.load() != _MAGIC or reader.load() != _PROTOCOL or not isinstance(reader.load(), Record):
        raise FileRefused("is a pickle, but not one of torch.save; save the state_dict() of the model with torch.save")
    whole = reader.load()
    keys = reader.load()
    if not isinstance(keys, list):
        raise StreamRefused("the list of its storages is missing")
    places: dict[str, int] = {}
    place = reader.position
    for key in keys:
        storage = reader.storages.get(key) if isinstance(key, str) else None
        if storage is None or storage.key in places:
            raise StreamRefused("a storage belongs to no tensor, or is there twice")
        file.seek(place)
        if file.read(8) != struct.pack("<q", storage.count):
            raise StreamRefused("a storage is missing, or has another size")
        places[storage.key] = place + 8
        place += 8 + storage.bytes
    if place > size:
        raise StreamRefused("it ends in the middle")

    def fill(storage: Storage, memory: memoryview) -> None:
        if storage.key not in places:
            raise StreamRefused(f"the bytes of storage {storage.key} are missing")
        file.seek(places[storage.key])
        _filled(file.read, memory)

    return Saved(whole, fill)


def _filled(read: Callable[[int], bytes], memory: memoryview) -> None:
    while memory:
        piece = read(min(_PIECE, len(memory)))
        if not piece:
            raise StreamRefused("it ends in the middle")
        memory[: len(piece)] = piece
        memory = memory[len(piece) :]


# ----- the description -----


class _Description(Reader):
    """Reads the pickles of a file of `size` bytes; `storages` are those of the latest one, by key."""

    too_large = "it describes more than any supernet has; save its weights alone"
    longest_text = LONGEST_TEXT
    skips_other_keys = True

    def __init__(self, read: Callable[[int], bytes], size: int) -> None:
        super().__init__(read)
        self.most_operations, self.most_plain_bytes = OPERATIONS, PLAIN_BYTES
        self.storages: dict[str, Storage] = {}
        self._left = size

    def named(self, module: str, name: str) -> object:
        if module == "torch._utils" and name in _OTHER_TENSORS:
            return Foreign(_OTHER_TENSORS[name])
        if (module, name) in _MAKERS:
            return _MAKERS[module, name]
        if module in ("torch", "torch.cuda", "torch.storage") and name in _KINDS:
            return _KINDS[name]
        if name in _READ_PAST.get(module, ()):
            return OPAQUE
        raise NameRefused(whole_name(module, name))

    def made(self, name: object, arguments: object) -> object:
        if isinstance(name, (Opaque, Foreign)):
            return name
        if not isinstance(name, _Maker) or not isinstance(arguments, tuple):
            raise StreamRefused("it makes something that is not a tensor")
        if name.name == "mapping":
            return _mapping(arguments)
        if name.name == "wrapped":
            return self._wrapped(arguments)
        return _tensor_of(arguments, is_typed=name.name == "typed tensor")

    def _wrapped(self, arguments: tuple[object, ...]) -> object:
        """The tensor of a parameter, or of a tensor that has values of its own beside it."""
        match arguments:
            case (SavedTensor() | Foreign() as tensor, *_):
                return tensor
            case (_Maker() as maker, Opaque(), tuple() as inside, _) if maker.name != "wrapped":
                return self.made(maker, inside)
            case _:
                raise StreamRefused("it makes something that is not a tensor")

    def made_anew(self, name: object, arguments: object) -> object:
        del arguments
        if not isinstance(name, Opaque):
            raise StreamRefused("it makes an object of a class")
        return OPAQUE

    def built(self, target: object, state: object) -> None:
        """A state dictionary's state is about the modules it was of, and what is read past keeps nothing."""
        del state
        if not isinstance(target, (Opaque, Record)):
            raise StreamRefused("it sets the state of something")

    def stored(self, reference: object) -> object:
        match reference:
            case ("storage", _Kind() as kind, str() as key, str() | Opaque(), int() as count, *view) if count >= 0:
                found = self.storages.get(key)
                if found is None:
                    found = self.storages[key] = Storage(key, kind.name, count, kind.item_bytes)
                    self._left -= found.bytes
                    if self._left < 0:
                        raise StreamRefused("it is cut, because its tensors have more bytes than the file")
                if found.count and (found.count, found.kind) != (count, kind.name):
                    raise StreamRefused("it gives one storage two sizes")
                return _viewed(found, view)
            case ("module", *_):
                raise NameRefused("a whole model; save its state_dict() instead")
            case _:
                raise StreamRefused("it refers to something outside of it that is not a storage")


_KINDS = {
    **{name: _Kind(kind, ITEM_BYTES[kind]) for name, kind in _STORAGES.items()},
    **{name: _Kind(*kind) for name, kind in _OTHER_STORAGES.items()},
    **{kind: _Kind(kind, size) for kind, size in ITEM_BYTES.items()},
    **{kind: _Kind(kind, size) for kind, size in _OTHER_STORAGES.values()},
    **{f"uint{bits}": _Kind(f"uint{bits}", bits // 8) for bits in (16, 32, 64)},
    **{f"float8_{form}": _Kind(f"float8_{form}", 1) for form in ("e4m3fn", "e4m3fnuz", "e5m2", "e5m2fnuz", "e8m0fnu")},
}
_MAKERS: Mapping[tuple[str, str], _Maker] = {
    ("collections", "OrderedDict"): _Maker("mapping"),
    ("torch._utils", "_rebuild_tensor"): _Maker("tensor"),
    ("torch._utils", "_rebuild_tensor_v2"): _Maker("tensor"),
    ("torch._utils", "_rebuild_tensor_v3"): _Maker("typed tensor"),
    ("torch._utils", "_rebuild_parameter"): _Maker("wrapped"),
    ("torch._utils", "_rebuild_parameter_with_state"): _Maker("wrapped"),
    ("torch._tensor", "_rebuild_from_type_v2"): _Maker("wrapped"),
    ("torch.tensor", "_rebuild_from_type_v2"): _Maker("wrapped"),
}


def _mapping(arguments: tuple[object, ...]) -> Record:
    """A mapping, of no arguments or, as Python 2 wrote one that keeps its order, of a list of pairs."""
    record = Record()
    match arguments:
        case ():
            pairs: list[object] = []
        case (list() as pairs,):
            pass
        case _:
            raise StreamRefused("a mapping is made of something else than names and values")
    for pair in pairs:
        match pair:
            case (str() as key, value):
                record[key] = value
            case _:
                raise StreamRefused("a mapping is made of something else than names and values")
    return record


def _tensor_of(arguments: tuple[object, ...], *, is_typed: bool) -> SavedTensor | Foreign:
    """What `_rebuild_tensor` and its later versions put together; a typed one has its numbers' type beside it."""
    match arguments:
        case (Storage() as storage, int() as start, tuple() as shape, tuple() as strides, *more):
            kind, marks = (more[2:3], more[3:4]) if is_typed else ([], more[2:3])
        case _:
            raise StreamRefused("it makes something that is not a tensor")
    if is_typed:
        if not kind or not isinstance(kind[0], _Kind):
            raise StreamRefused("it makes something that is not a tensor")
        if kind[0].name != storage.kind:
            return Foreign(f"a tensor of {kind[0].name}")
    return _tensor(storage, start, shape, strides, marks[0] if marks else None)


def _viewed(storage: Storage, view: list[object]) -> Storage:
    """The part of a storage that another one was, as PyTorch before 0.4 wrote it."""
    match view:
        case [] | [None]:
            return storage
        case [(str(), int() as start, int() as count)] if 0 <= start <= start + count <= storage.count:
            return Storage(storage.key, storage.kind, storage.count, storage.item_bytes, storage.start + start)
        case _:
            raise StreamRefused("it refers to a part of a storage that is not there")


def _tensor(
    storage: Storage, start: int, shape: tuple[object, ...], strides: tuple[object, ...], marks: object
) -> SavedTensor | Foreign:
    sizes = tuple(each for each in shape if isinstance(each, int) and 0 <= each <= LARGEST)
    steps = tuple(each for each in strides if isinstance(each, int) and 0 <= each <= LARGEST)
    if len(sizes) != len(shape) or len(steps) != len(strides) or len(sizes) != len(steps) or len(sizes) > _MOST_AXES:
        raise StreamRefused("a tensor has no possible shape")
    last = start + storage.start + sum((size - 1) * step for size, step in zip(sizes, steps, strict=True))
    if not 0 <= start <= storage.count or (0 not in sizes and last >= storage.count):
        raise StreamRefused("a tensor goes beyond its storage")
    if storage.kind not in ITEM_BYTES:
        return Foreign(f"a tensor of {storage.kind}")
    if isinstance(marks, Record) and marks:
        return Foreign("a tensor that is a view (conjugated or negative)")
    return SavedTensor(storage, start + storage.start, sizes, steps)
