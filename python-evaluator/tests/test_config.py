"""The configuration file: read strictly, with the line, the key and the nearest known key in every refusal."""

from pathlib import Path

import pytest
import yaml

from collm_nas_evaluator import config, flags
from collm_nas_evaluator.errors import UsageError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "evaluator.yaml"


def test_relative_paths_are_relative_to_the_file(path: Path) -> None:
    path.write_text("nasbench201:\n  csv: tables/all.csv\n  latency_csv: /data/latency.csv\ncache_dir: cache\n")
    assert config.read(path) == config.Configuration(
        nasbench201_csv=path.parent / "tables/all.csv",
        nasbench201_latency_csv=Path("/data/latency.csv"),
        analognas=True,
        cache_dir=path.parent / "cache",
    )


@pytest.mark.parametrize(
    ("written", "meant"), [("~/nas/all", "home/nas/all"), ("~", "home"), ("a~/b", "a~/b"), ("./~x", "~x")]
)
def test_a_tilde_is_ones_home_folder(path: Path, monkeypatch: pytest.MonkeyPatch, written: str, meant: str) -> None:
    monkeypatch.setenv("HOME", str(path.parent / "home"))
    path.write_text(
        f"nasbench201: {{csv: {written!r}, latency_csv: {written!r}}}\ncheckpoints: {{spos: {written!r}}}\n"
        f"imagenet: {{val: {written!r}, train: {written!r}}}\ncache_dir: {written!r}\n"
    )
    read = config.read(path)
    assert read.images is not None
    paths = [read.nasbench201_csv, read.nasbench201_latency_csv, read.checkpoints["spos"], read.cache_dir]
    assert {*paths, read.images.val, read.images.train} == {path.parent / meant}
    flags_read = flags.read(["import-nasbench201", written, "--out", written])
    own = Path(meant) if not written.startswith("~") else path.parent / meant
    assert (flags_read.path, flags_read.out) == (own, own)


def test_a_packed_table_replaces_the_csv(path: Path) -> None:
    path.write_text("nasbench201: {table: all.npz, latency_csv: latency.csv}")
    read = config.read(path)
    assert (read.nasbench201_csv, read.nasbench201_table) == (None, path.parent / "all.npz")
    assert read.nasbench201_latency_csv == path.parent / "latency.csv"


def test_a_bank_has_any_id(path: Path) -> None:
    path.write_text("banks:\n  mine-1.0: mine.csv.gz\n  other: /data/other.csv.gz\n")
    assert config.read(path).banks == {"mine-1.0": path.parent / "mine.csv.gz", "other": Path("/data/other.csv.gz")}
    path.write_text("banks:\n  mine: [mine.csv.gz]\n")
    with pytest.raises(UsageError, match=r"line 2: banks\.mine must be a path"):
        config.read(path)


@pytest.mark.torch
def test_supernets_images_and_device(path: Path) -> None:
    path.write_text(
        "checkpoints:\n  ofa-w1.2: files/ofa\n  autoformer-base: /files/base.pth\n"
        "imagenet: {val: val, train: /data/train, held_out: 10000, class_order: text}\n"
        "spos: {calibration_images: 5000}\nautoformer: {choices: paper}\ndevice: cuda:1\nthreads: 3\nprecision: bf16\n"
    )
    read = config.read(path)
    assert read.checkpoints == {"ofa-w1.2": path.parent / "files/ofa", "autoformer-base": Path("/files/base.pth")}
    assert read.images == config.Folders(path.parent / "val", Path("/data/train"), held_out=10_000, class_order="text")
    assert read.family_values == {"spos.calibration_images": 5000, "autoformer.choices": "paper"}
    assert (read.device, read.threads, read.precision) == ("cuda:1", 3, "bf16")


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}", "---\n"])
def test_an_empty_file_means_the_defaults(path: Path, text: str) -> None:
    path.write_text(text)
    assert config.read(path) == config.default()
    assert config.default().cache_dir.name == "collm-nas"


def test_the_packages_spaces_can_be_left_out(path: Path) -> None:
    path.write_text("analognas: false")
    assert config.read(path).analognas is False


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("analogna: true", r'line 1: unknown key "analogna"; the nearest known key is "analognas"'),
        ("a: 1\nb: 2", 'line 1: unknown key "a"'),
        ("nasbench201:\n  cvs: x", r'line 2: unknown key "nasbench201\.cvs"; .* "nasbench201\.csv"'),
        ("csv: x", 'line 1: unknown key "csv"'),
        ("nasbench201.csv: x", 'unknown key "nasbench201.csv"; write the key "csv" .* below "nasbench201:"'),
        ("analognas: true\nanalognas: true", "line 2: analognas is given twice"),
        ("nasbench201: {csv: x, csv: x}", r"nasbench201\.csv is given twice"),
        ("nasbench201: all.csv", "line 1: nasbench201 must be a mapping"),
        ("nasbench201:", "nasbench201 must be a mapping"),
        ("nasbench201: {csv: 5}", r"nasbench201\.csv must be a path"),
        ("nasbench201: {csv: [a]}", r"nasbench201\.csv must be a path"),
        ("nasbench201: {csv: }", r"nasbench201\.csv must be a path"),
        ('nasbench201: {csv: "a\\0b"}', r"nasbench201\.csv must be a path"),
        ("nasbench201: {latency_csv: x}", r"latency_csv needs nasbench201\.csv or nasbench201\.table"),
        ("nasbench201: {csv: x, table: y}", r"nasbench201\.csv and nasbench201\.table both name .*; leave one out"),
        ("nasbench201: {csv: x, accuracy_unit: share}", "nasbench201.accuracy_unit must be one of percent, fraction"),
        ("nasbench201: {table: x, accuracy_unit: fraction}", "is the unit of nasbench201.csv, which is not set"),
        ("nasbench201: {table: 5}", r"nasbench201\.table must be a path"),
        pytest.param(
            "checkpoints: {ofa-w1.3: x}",
            r'unknown key "checkpoints.ofa-w1.3"; the nearest known key is "checkpoints.ofa-w1',
            marks=pytest.mark.torch,
        ),
        ("checkpoints.spos: x", 'unknown key "checkpoints.spos"; write the key "spos" .* below "checkpoints:"'),
        ("checkpoints: {spos: 5}", "checkpoints.spos must be a path"),
        ("imagenet: {held_out: 0, train: x}", "imagenet.held_out must be a whole number, at least 1"),
        ("imagenet: {held_out: 0x10, train: x}", "imagenet.held_out must be a whole number"),
        ("imagenet: {class_order: natural}", "imagenet.class_order must be one of numeric, text"),
        ("imagenet: {held_out: 10}", "imagenet.held_out needs imagenet.train"),
        ("imagenet: {held_out: 10, train: x, search: y}", "both say which images the search uses; leave one out"),
        ("precision: fp8", "precision must be one of fp32, fp16, bf16"),
        pytest.param(
            "autoformer: {choices: mine}",
            "autoformer.choices must be one of released, paper",
            marks=pytest.mark.torch,
        ),
        ("device: [cpu]", "device must be a word"),
        ("threads: 0", "line 1: threads must be a whole number, at least 1"),
        ("threads: all", "threads must be a whole number, at least 1"),
        ("analognas: 1", "analognas must be true or false"),
        ("analognas: 'true'", "analognas must be true or false"),
        ("cache_dir: true", "cache_dir must be a path"),
        ("cache_dir: ~somebody/x", r"cache_dir begins with ~, .*write the whole path, or \./~somebody/x"),
        ("[a, b]", "the file must be a mapping"),
        ("just text", "the file must be a mapping"),
        ("? [a]\n: b", 'unknown key ""'),
        ("a: [", "is not YAML: .*line 1"),
        ("a: 1\n---\nb: 2", "is not YAML"),
        ("a: \x00", "is not YAML"),
        ("[" * 5000, "nested too deeply|is not YAML"),
    ],
)
def test_what_is_wrong_is_named(path: Path, text: str, what: str) -> None:
    path.write_text(text)
    with pytest.raises(UsageError, match=what) as caught:
        config.read(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_or_no_text_is_named(path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        config.read(path)
    path.write_bytes(b"cache_dir: \xff")
    with pytest.raises(UsageError, match="not UTF-8 text"):
        config.read(path)


@pytest.mark.torch
def test_the_page_on_supernets_shows_every_key(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/guides/supernets.md").read_text()
    shown = page.partition("```yaml\n# evaluator.yaml, every key")[2].partition("```")[0]
    path = tmp_path / "evaluator.yaml"
    path.write_text(f"#{shown}")
    assert config.read(path).images.held_out == 10_000
    others = {"nasbench201", "banks", "analognas", "supernet"}  # on other pages, and on by itself
    assert {key.partition(".")[0] for key in config.every_key()} - others == set(yaml.safe_load(path.read_text()))
