"""Which addresses are read, and which of them other machines reach."""

import logging

import pytest

from collm_nas_evaluator import addresses, commands, flags
from collm_nas_evaluator.addresses import Address
from collm_nas_evaluator.errors import UsageError

HERE = ["127.0.0.1", "127.9.8.7", "[::1]", "::1", "[::ffff:127.0.0.1]", "localhost", "127.1"]
EVERYWHERE = ["0.0.0.0", "0", "[::]", "::", "[::ffff:0.0.0.0]", "192.0.2.7", "[2001:db8::1]", "[fe80::1]", "010.0.0.1"]


@pytest.mark.parametrize("host", HERE)
def test_this_machine_alone_reaches_loopback(host: str) -> None:
    address = addresses.read(f"{host}:50051")
    assert address is not None
    assert not address.is_remote()


@pytest.mark.parametrize("host", EVERYWHERE)
def test_other_machines_reach_everything_else(host: str) -> None:
    address = addresses.read(f"{host}:50051")
    assert address is not None
    assert address.is_remote()


@pytest.mark.parametrize("found", [["127.0.0.1", "192.0.2.7"], ["192.0.2.7"], ["::1", "2001:db8::1"]])
def test_a_name_is_as_remote_as_the_farthest_of_its_addresses(found: list[str]) -> None:
    assert addresses.reach_others(found)
    assert not addresses.reach_others(["127.0.0.1", "::1"])


@pytest.mark.parametrize(
    "text",
    ["", ":1", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:+1", "127.0.0.1:\u0661", "[127.0.0.1]:1",
     "[::1:1", "unix:1", "unix-abstract:1", "vsock:1", "unix:/tmp/a:1", "ipv4:0.0.0.0:1", "dns:localhost:1", "a:b:1"],
)  # fmt: skip
def test_what_is_no_host_and_port_is_not_read(text: str) -> None:
    assert addresses.read(text) is None


@pytest.mark.parametrize("host", ["no host", "a" * 70, "a..b"])
def test_a_host_without_an_address_is_refused(host: str) -> None:
    with pytest.raises(UsageError, match="cannot listen on "):
        Address(host, 1).is_remote()


def test_an_address_is_written_as_it_is_dialled() -> None:
    assert [str(addresses.read(text)) for text in ("[::1]:5", "::1:5", "a:5")] == ["[::1]:5", "[::1]:5", "a:5"]


@pytest.mark.parametrize("host", EVERYWHERE)
def test_an_address_that_others_reach_is_refused_before_anything_is_read(host: str) -> None:
    with pytest.raises(UsageError, match=r"without a password; listen on 127\.0\.0\.1:7, or add --allow-remote"):
        commands.run(flags.read(["serve", "--listen", f"{host}:7", "--config", "nowhere.yaml"]))


def test_an_address_that_was_allowed_is_spoken_of(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    for words in (["--listen", "0.0.0.0:0", "--allow-remote"], ["--listen", "127.0.0.1:0", "--allow-remote"], []):
        with pytest.raises(UsageError, match=r"nowhere\.yaml"):
            commands.run(flags.read(["serve", *words, "--config", "nowhere.yaml"]))
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        "other machines can reach 0.0.0.0:0, and anyone who does may use this evaluator: there is no password"
    ]
