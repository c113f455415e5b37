"""The official files: every number as the published API answers it, everything that is not whole or foreign refused."""

import bz2
import io
import pickle
import shutil
import tarfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import releases
import torch
from scipy import stats

from collm_nas_evaluator.cell import CELLS, choices_of, number_of
from collm_nas_evaluator.errors import TableDamaged, TableMissing, UsageError
from collm_nas_evaluator.tables import official
from collm_nas_evaluator.tables.csv_table import ACCURACIES

REAL = (0, 11, 284)
"""The cells whose real records are among the published files."""
FEW = (0, 1, 15_624)


def read(path: Path, indices: tuple[int, ...] = FEW) -> official.Release:
    return official.read(path, lambda share: None, indices)


def values(release: official.Release, index: int) -> dict[str, float]:
    """The accuracies of a cell by column, found by the benchmark's number of it."""
    (place,) = np.flatnonzero(release.table.columns["index"] == index)
    return {name: float(column[place]) for name, column in release.table.columns.items() if name != "index"}


# ----- real records -----


@pytest.fixture(scope="module")
def sample(published: Path) -> Path:
    folder = published / "official-sample" / "NATS-tss-v1_0-3ffb9-simple"
    if not folder.is_dir():
        pytest.skip(f"the official records are not in {folder}")
    return folder


@pytest.fixture(scope="module")
def records(sample: Path) -> dict[int, Any]:
    with warnings.catch_warnings(action="ignore"):
        return {index: loaded(sample / f"{index:06d}.pickle.pbz2") for index in REAL}


def loaded(path: Path) -> Any:
    return pickle.loads(bz2.decompress(path.read_bytes()))


@pytest.fixture(scope="module")
def archs(sample: Path) -> list[str]:
    found: list[str] = loaded(sample / "meta.pickle.pbz2")["meta_archs"]
    return found


def answered(api: Any, index: int) -> dict[str, float]:
    """The accuracies of a cell by column, as the published API answers them."""
    answers = {}
    for column in ACCURACIES:
        name, _, epochs = column.rpartition("_")
        data, _ = releases.SETS[name]
        answer = api.get_more_info(index, data, hp=epochs, is_random=False)
        answers[column] = answer[f"{'valid' if name.endswith('valid') else 'test'}-accuracy"]
    return answers


def test_the_folders_numbers_are_those_of_the_nats_bench_package(sample: Path, archs: list[str]) -> None:
    from nats_bench.api_topology import NATStopology  # noqa: PLC0415 - a package of the tests only

    api = NATStopology(str(sample), fast_mode=True, verbose=False)
    release = read(sample, REAL)
    for index in REAL:
        with warnings.catch_warnings(action="ignore"):
            expected = answered(api, index)
        assert values(release, index) == {name: round(value, 4) for name, value in expected.items()}
        assert release.table.columns["index"][number_of(choices_of(archs[index]) or ())] == index
    assert release.name == "NATS-Bench topology v1.0"
    assert release.trained == {3: 3}


def test_their_standard_errors_are_those_of_the_trials(sample: Path, records: dict[int, Any], archs: list[str]) -> None:
    """Of the real records, which have three trainings of 200 epochs, and for most columns one of 12."""
    errors = read(sample, REAL).table.standard_errors
    assert list(errors) == [*(name for name in ACCURACIES if name.endswith("_200")), "c10_valid_12"]
    for index in REAL:
        place = number_of(choices_of(archs[index]) or ())
        for column, found in errors.items():
            name, _, epochs = column.rpartition("_")
            data, images = releases.SETS[name]
            results, last = records[index][epochs], f"{images}@{int(epochs) - 1}"
            trials = [results["all_results"][data, seed]["eval_acc1es"][last] for seed in results["dataset_seed"][data]]
            assert found[place] == round(float(stats.sem(trials)), 4) > 0
            assert np.isnan(found).sum() == CELLS - len(REAL)


def test_they_are_those_of_the_published_table(sample: Path, published: Path) -> None:
    release = read(sample, REAL)
    lines = (published / "nasbench201.csv").read_text().splitlines()
    for index in REAL:
        row = dict(zip(lines[0].split(","), lines[index + 1].split(","), strict=True))
        assert values(release, index) == {name: float(row[name]) for name in ACCURACIES}


@pytest.mark.parametrize("archive", [False, True])
def test_a_pths_numbers_are_those_of_the_nas_bench_201_package(
    archive: bool, records: dict[int, Any], archs: list[str], tmp_path: Path
) -> None:
    from nas_201_api import NASBench201API  # noqa: PLC0415 - a package of the tests only
    from nas_201_api.api_utils import ArchResults  # noqa: PLC0415

    infos = {
        index: {
            name: ArchResults.create_from_state_dict(record[epochs]).state_dict()
            for name, epochs in (("full", "200"), ("less", "12"))
        }
        for index, record in records.items()
    }
    content = {"meta_archs": archs, "arch2infos": infos, "evaluated_indexes": list(REAL)}
    path = releases.write_pth(tmp_path / "NAS-Bench-201-v1_1-096897.pth", content, archive=archive)
    api = NASBench201API(content, verbose=False)
    release = read(path, REAL)
    for index in REAL:
        expected = answered(api, index)
        assert values(release, index) == {name: round(float(value), 4) for name, value in expected.items()}
        for column in ACCURACIES:
            name, _, epochs = column.rpartition("_")
            data, images = releases.SETS[name]
            seeds = api.query_by_index(index, data, epochs).values()
            mean = np.mean([seed.get_eval(images)["accuracy"] for seed in seeds])
            assert values(release, index)[column] == round(float(mean), 4)
    assert release.name == "NAS-Bench-201 v1.1"


def test_the_single_file_of_nats_bench_is_read_as_its_folder(
    sample: Path, records: dict[int, Any], archs: list[str], tmp_path: Path
) -> None:
    content = {"meta_archs": archs, "arch2infos": records, "evaluated_indexes": set(REAL)}
    path = tmp_path / "NATS-tss-v1_0-3ffb9.pickle.pbz2"
    with warnings.catch_warnings(action="ignore"):
        releases.write_pbz2(path, content)
    release = read(path, REAL)
    assert all(values(release, index) == values(read(sample, REAL), index) for index in REAL)
    assert release.name == "NATS-Bench topology v1.0"


@pytest.mark.parametrize("kept", [0.999, 0.5, 0.01])
@pytest.mark.parametrize("name", ["meta.pickle.pbz2", "000011.pickle.pbz2"])
def test_a_folder_with_a_file_that_is_cut_is_refused(kept: float, name: str, sample: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(sample, tmp_path / "folder", copy_function=shutil.copyfile))
    content = (sample / name).read_bytes()
    folder.chmod(0o755)
    (folder / name).write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(TableDamaged, match=f"{name}: .*it is cut.*download the release again"):
        read(folder, REAL)


# ----- made-up records in every container -----


def accuracy(column: str, seed: int) -> float:
    return 20 + ACCURACIES.index(column) * 5 + seed / 1000


def cells(seeds: tuple[int, ...] = (777, 888)) -> dict[int, releases.Cell]:
    return {index: releases.cell(index, releases.ARCHS[index], accuracy, seeds) for index in FEW}


Write = Callable[[Path, dict[int, releases.Cell]], Path]


def as_folder(folder: Path, of: dict[int, releases.Cell]) -> Path:
    return releases.write_folder(folder / "NATS-tss-v1_0-3ffb9-simple", of)


def as_pbz2(folder: Path, of: dict[int, releases.Cell]) -> Path:
    return releases.write_pbz2(folder / "NATS-tss-v1_0-3ffb9.pickle.pbz2", releases.whole(of, ("12", "200")))


def as_old_pth(folder: Path, of: dict[int, releases.Cell]) -> Path:
    return releases.write_pth(folder / "NAS-Bench-201-v1_1-096897.pth", releases.whole(of))


def as_archive(folder: Path, of: dict[int, releases.Cell]) -> Path:
    return releases.write_pth(folder / "NAS-Bench-201-v1_1-096897.pth", releases.whole(of), archive=True)


CONTAINERS = [as_folder, as_pbz2, as_old_pth, as_archive]


@pytest.mark.parametrize("write", CONTAINERS)
def test_every_container_gives_the_means_over_seeds(write: Write, tmp_path: Path) -> None:
    path = write(tmp_path, cells())
    release = read(path)
    for index in FEW:
        assert values(release, index) == {name: round(accuracy(name, 0) + 0.8325, 4) for name in ACCURACIES}
        assert release.table.columns["index"][index] == index
    assert release.trained == {2: 3}
    assert path.name in release.table.provenance
    assert release.table.provenance.count("SHA-256") == 1


def test_a_release_of_fractions_is_refused(tmp_path: Path) -> None:
    of = {
        index: releases.cell(index, releases.ARCHS[index], lambda *which: accuracy(*which) / 100, (777,))
        for index in FEW
    }
    says = rf"cell {min(FEW)}: its c10_valid_200, 0\.2078, seems to be a fraction, .*; download the release again"
    with pytest.raises(TableDamaged, match=says):
        read(as_old_pth(tmp_path, of))


def test_the_digest_follows_every_file_of_the_folder(tmp_path: Path) -> None:
    path = as_folder(tmp_path, cells())
    first = read(path).table.provenance
    assert read(path).table.provenance == first
    record = path / "000001.pickle.pbz2"
    record.write_bytes(bz2.compress(bz2.decompress(record.read_bytes()), 9))
    assert read(path).table.provenance != first


def test_progress_is_reported_up_to_the_end(tmp_path: Path) -> None:
    reported: list[float] = []
    official.read(as_folder(tmp_path, cells()), reported.append, FEW)
    assert reported == [1 / 3, 2 / 3, 1]
    reported.clear()
    official.read(as_old_pth(tmp_path, cells()), reported.append, FEW)
    assert reported == sorted(reported)
    assert reported[-1] == 1


def test_a_release_without_most_trainings_of_12_epochs_has_fewer_columns(tmp_path: Path) -> None:
    of = cells()
    for record in of.values():
        for data in ("cifar10", "cifar100", "ImageNet16-120"):
            del record[12]["dataset_seed"][data]
    path = releases.write_pth(tmp_path / "renamed.pth", releases.whole(of))
    release = read(path)
    assert official.absent(release.table.columns) == list(ACCURACIES[7:])
    assert release.name == "NAS-Bench-201 v1.0 by its contents"
    named = read(path.rename(tmp_path / "NAS-Bench-201-v1_0-e61699.pth"))
    assert named.name == "NAS-Bench-201 v1.0"
    of[1] = cells()[1]
    with pytest.raises(TableDamaged, match=r"cell 0: it and 1 others have no c10_test_12"):
        read(releases.write_pth(tmp_path / "mixed.pth", releases.whole(of)))


# ----- what is wrong with a record -----


def seeds_of(record: releases.Cell, seeds: Any) -> None:
    record[200]["dataset_seed"]["cifar100"] = seeds


def doubled() -> list[Any]:
    """A small record that would fill the memory if it was spelled out."""
    value: list[Any] = ["text"]
    for _ in range(60):
        value = [value, value]
    return value


def accuracy_of(record: releases.Cell, value: object) -> None:
    record[200]["all_results"]["cifar100", 888]["eval_acc1es"]["x-test@199"] = value


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (
            lambda record: accuracy_of(record, float("nan")),
            "200 epochs, cifar100, seed 888, x-test: nan is not an accuracy",
        ),
        (lambda record: accuracy_of(record, 100.5), "x-test: 100.5 is not an accuracy in percent"),
        (lambda record: accuracy_of(record, -0.1), "x-test: -0.1 is not an accuracy"),
        (lambda record: accuracy_of(record, float("inf")), "x-test: inf is not an accuracy"),
        (lambda record: accuracy_of(record, "90"), "x-test: '90' is not an accuracy"),
        (lambda record: accuracy_of(record, None), "x-test: None is not an accuracy"),
        (lambda record: accuracy_of(record, doubled()), "x-test: a list is not an accuracy"),
        (lambda record: record[200]["all_results"]["cifar100", 888]["eval_acc1es"].clear(), "None is not an accuracy"),
        (
            lambda record: record[200]["all_results"].pop(("cifar100", 888)),
            "cifar100, seed 888: the mapping is missing",
        ),
        (lambda record: record[200].pop("all_results"), "all_results: the mapping is missing"),
        (lambda record: record[200].pop("dataset_seed"), "dataset_seed: the mapping is missing"),
        (lambda record: record[200]["dataset_seed"].pop("cifar10"), "200 epochs, cifar10: its list of seeds"),
        (lambda record: record[12]["dataset_seed"].pop("cifar10-valid"), "12 epochs, cifar10-valid: its list of seeds"),
        (lambda record: seeds_of(record, []), "its list of seeds is missing"),
        (lambda record: seeds_of(record, [777, 777]), "a seed is there twice"),
        (lambda record: seeds_of(record, ["777"]), "its list of seeds is missing or holds something else"),
        (lambda record: record[200]["all_results"]["cifar100", 777].update(epochs=90), "trained for 90 epochs"),
        (lambda record: record[12].update(arch_index=2), "two different cells'"),
        (lambda record: record[12].update(arch_str="x"), "two different cells'"),
        (
            lambda record: [each.update(arch_str="x") for each in record.values()],
            "cell 1: its record is of 'x', not of",
        ),
        (lambda record: [each.update(arch_index=0) for each in record.values()], "record .*of cell 0"),
        (lambda record: [each.update(arch_index=True) for each in record.values()], "arch_index is True"),
        (lambda record: [each.update(arch_index=CELLS) for each in record.values()], "arch_index is 15625"),
        (lambda record: record.update({12: None}), "the mapping is missing"),
    ],
)
def test_a_record_that_is_not_whole_is_refused_with_its_place(
    change: Callable[[releases.Cell], object], what: str, tmp_path: Path
) -> None:
    of = cells()
    change(of[1])
    with pytest.raises(TableDamaged, match=what):
        read(as_folder(tmp_path, of))


def test_more_seeds_than_any_cell_has_are_refused(tmp_path: Path) -> None:
    assert read(as_folder(tmp_path, cells(tuple(range(16))))).trained == {16: 3}
    path = releases.write_pth(tmp_path / "file.pth", releases.whole(cells(tuple(range(17)))))
    with pytest.raises(TableDamaged, match=r"cell 0, 200 epochs, .*: 17 seeds are more than any cell was trained with"):
        read(path)


def test_a_record_under_another_number_is_refused(tmp_path: Path) -> None:
    of = cells()
    content = releases.whole(of)
    content["arch2infos"][1] = content["arch2infos"].pop(15_624)
    with pytest.raises(TableDamaged, match="cell 1: its record is that of cell 15624"):
        read(releases.write_pth(tmp_path / "file.pth", content))


def test_a_missing_cell_is_counted_and_named(tmp_path: Path) -> None:
    of = cells()
    del of[1]
    with pytest.raises(TableDamaged, match="1 of 3 cells are missing, the first one with index 1"):
        read(as_old_pth(tmp_path, of))
    with pytest.raises(TableDamaged, match=r"1 of 3 records are missing, the first one 000001\.pickle\.pbz2"):
        read(as_folder(tmp_path, of))
    with pytest.raises(TableDamaged, match="15623 of 15625 cells are missing, the first one with index 1"):
        official.read(as_archive(tmp_path, of), lambda share: None)


@pytest.mark.parametrize(
    ("archs", "what"),
    [
        (releases.ARCHS[:-1], "not a list of 15625 cells"),
        ([*releases.ARCHS[:-1], releases.ARCHS[0]], "names a cell twice"),
        (["8:8:8:8:8", *releases.ARCHS[1:]], "number 0: '8:8:8:8:8' is not a cell of this space"),
        ([*releases.ARCHS[:-1], 5], "number 15624: 5 is not a cell"),
        ([releases.ARCHS[1], releases.ARCHS[0], *releases.ARCHS[2:]], "cell 0: its record is of "),
        (None, "not a list of 15625 cells"),
    ],
)
def test_another_list_of_cells_is_refused(archs: Any, what: str, tmp_path: Path) -> None:
    with pytest.raises(TableDamaged, match=what):
        read(releases.write_folder(tmp_path / "folder", cells(), archs))
    with pytest.raises(TableDamaged, match=what):
        read(releases.write_pth(tmp_path / "file.pth", releases.whole(cells(), archs=archs)))


# ----- containers that are not whole, or of something else -----


@pytest.mark.parametrize("write", [as_pbz2, as_old_pth, as_archive])
@pytest.mark.parametrize("kept", [0.9999, 0.5, 0.01])
def test_a_file_that_is_cut_is_refused(write: Write, kept: float, tmp_path: Path) -> None:
    path = write(tmp_path, cells())
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(TableDamaged, match=r"download the release again") as caught:
        read(path)
    assert "\n" not in str(caught.value)


def tar_of(path: Path) -> None:
    with tarfile.open(path, "w") as archive:
        archive.addfile(tarfile.TarInfo("NATS-tss-v1_0-3ffb9-simple/meta.pickle.pbz2"), io.BytesIO())


@pytest.mark.parametrize("name", ["NATS-tss-v1_1-12345", "NATS-sss-v1_0-50262-simple", "NAS-Bench-201-v2_0-abc.pth"])
def test_another_version_is_refused_by_its_name(name: str, tmp_path: Path) -> None:
    path = as_folder(tmp_path, cells()).rename(tmp_path / name)
    with pytest.raises(TableDamaged, match=r"NAT?S-.*-v\d_\d is not one of the releases that can be read; give the"):
        read(path)
    assert read(path.rename(tmp_path / "renamed")).name == "NATS-Bench topology by its contents"


@pytest.mark.parametrize(
    ("name", "make", "what"),
    [
        ("a.pth", lambda path: path.write_bytes(b""), "no release but an empty file.*; give the folder NATS-tss"),
        ("a.pth", lambda path: path.write_bytes(b"index,arch\n"), "no release but a text.*; give the folder"),
        ("a.tar", tar_of, "unpack it first"),
        ("a.pth", lambda path: torch.save({"a": torch.ones(2)}, path), "it asks for torch._utils._rebuild_tensor_v2"),
        ("a.pth", lambda path: releases.write_pth(path, [torch.ones(2)]), "it asks for torch._utils"),
        ("a.pth", lambda path: releases.write_pth(path, {"meta_archs": releases.ARCHS}), '"arch2infos", the mapping'),
        ("a.pth", lambda path: releases.write_pth(path, 5), "not a list of 15625 cells"),
        ("a.pth", lambda path: path.write_bytes(pickle.dumps({}, protocol=2)), "a pickle, but not one of torch.save"),
        ("a.npz", lambda path: np.savez(path, a=np.ones(2)), "an archive, but not one of torch.save"),
        ("a.pbz2", lambda path: path.write_bytes(bz2.compress(b"x" * 99)), "no pickle begins here"),
        ("a.pbz2", lambda path: path.write_bytes(bz2.compress(bytes([0x80, 4]) + bytes(5 << 20))), "opcode 0x00"),
    ],
)
def test_another_file_is_refused(name: str, make: Callable[[Path], object], what: str, tmp_path: Path) -> None:
    path = tmp_path / name
    make(path)
    with pytest.raises(TableDamaged, match=what) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_small_file_that_unpacks_to_much_is_refused(tmp_path: Path) -> None:
    folder = as_folder(tmp_path, cells())
    (folder / "000001.pickle.pbz2").write_bytes(bz2.compress(bytes(20 << 20)))
    with pytest.raises(TableDamaged, match=r"000001\.pickle\.pbz2: it unpacks to more than 8,388,608 bytes"):
        read(folder)


def test_what_follows_the_end_is_refused(tmp_path: Path) -> None:
    folder = as_folder(tmp_path, cells())
    record = folder / "000001.pickle.pbz2"
    content = record.read_bytes()
    for more in (b"x", bz2.compress(b"x")):
        record.write_bytes(content + more)
        with pytest.raises(TableDamaged, match="something follows its end"):
            read(folder)
    record.write_bytes(bz2.compress(bz2.decompress(content) + b"x"))
    with pytest.raises(TableDamaged, match="something follows its end"):
        read(folder)
    path = as_old_pth(tmp_path, cells())
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(TableDamaged, match="something follows its end"):
        read(path)


def test_a_changed_byte_in_an_archive_is_noticed(tmp_path: Path) -> None:
    path = as_archive(tmp_path, cells())
    content = bytearray(path.read_bytes())
    content[content.index(b"G@") + 4] ^= 1
    path.write_bytes(content)
    with pytest.raises(TableDamaged, match="Bad CRC-32"):
        read(path)


def test_a_missing_release_and_an_empty_one_have_different_errors(tmp_path: Path) -> None:
    with pytest.raises(TableMissing, match=r"no file or folder .*nowhere.*; give the folder NATS-tss"):
        read(tmp_path / "nowhere")
    with pytest.raises(TableDamaged, match=r"meta\.pickle\.pbz2 is not in it; give the folder NATS-tss"):
        read(tmp_path)
    closed = as_folder(tmp_path, cells())
    (closed / "000001.pickle.pbz2").unlink()
    (closed / "000001.pickle.pbz2").mkdir()
    with pytest.raises(UsageError, match=r"000001\.pickle\.pbz2 cannot be read: Is a directory"):
        read(closed)
