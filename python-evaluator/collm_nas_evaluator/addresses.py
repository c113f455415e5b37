"""Reads the address of a server, and says whether other machines can reach it there.

Owns the form HOST:PORT and which addresses only this machine can reach. Knows no server.
"""

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass

from collm_nas_evaluator.errors import UsageError

_SCHEMES = {"unix", "unix-abstract", "vsock"}
"""Words before a colon that gRPC does not read as a host."""


@dataclass(frozen=True, slots=True)
class Address:
    """A host (IPv6 without brackets) and a port (0: any free port)."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def is_remote(self) -> bool:
        """Whether other machines reach it: at least one address of the host is not a loopback address.

        Raises UsageError when the host has no address.
        """
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        except (OSError, UnicodeError) as error:
            raise UsageError(
                f"cannot listen on {self}; {self.host!r} is neither an address nor the name of one"
            ) from error
        return reach_others(str(address[0]) for *_, address in found)


def reach_others(numbers: Iterable[str]) -> bool:
    """Whether any of the addresses, IPv4 or IPv6 in figures, is not a loopback address."""
    return not all(_is_loopback(number) for number in numbers)


def read(text: str) -> Address | None:
    """Reads HOST:PORT, where an IPv6 address may be in brackets; None when the text has another form."""
    host, _, port = text.rpartition(":")
    if not host or host in _SCHEMES or not port.isascii() or not port.isdigit() or int(port) > 65535:
        return None
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        return Address(host, int(port)) if ":" in host and _is_ipv6(host) else None
    return Address(host, int(port)) if ":" not in host or _is_ipv6(host) else None


def _is_ipv6(host: str) -> bool:
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return True


def _is_loopback(text: str) -> bool:
    address = ipaddress.ip_address(text)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
