# SPDX-License-Identifier: Apache-2.0
"""Ask the DNS, and keep "there is none" apart from "nobody could tell".

Literal addresses pass through; ``/etc/hosts`` and ``localhost`` (RFC 6761 §6.3) come first; everything else goes to
the name servers of ``/etc/resolv.conf``, five seconds at most for one question. Answers are kept for their TTL, so
asking twice is cheap. An answer is always a value: ``failed`` is True where the DNS gave none (time-out, SERVFAIL, no
name server), and then an empty answer proves nothing.

Limits: names that only the system's other sources know (mDNS, LDAP) are not found. DNSSEC is not checked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Final

import dns.asyncresolver
import dns.exception
import dns.message
import dns.name
import dns.rdata
import dns.rdatatype
import dns.rdtypes.ANY.TXT
import dns.resolver
import dns.reversename

from fumidai.evidence.vantage import plain
from fumidai.net.route import IpAddress

#: Seconds for one question, all name servers and repetitions included.
DEADLINE: Final = 5.0

_HOSTS: Final = Path("/etc/hosts")
_LOOPBACK: Final = (IPv4Address("127.0.0.1"), IPv6Address("::1"))


@dataclass(frozen=True, slots=True)
class Addresses:
    """Addresses of a name, IPv4 first; ``failed``: one family or both could not be asked; ``text``: why."""

    addresses: tuple[IpAddress, ...] = ()
    failed: bool = False
    text: str = ""

    @property
    def v4(self) -> tuple[IPv4Address, ...]:
        """The IPv4 addresses."""
        return tuple(address for address in self.addresses if isinstance(address, IPv4Address))

    @property
    def v6(self) -> tuple[IPv6Address, ...]:
        """The IPv6 addresses."""
        return tuple(address for address in self.addresses if isinstance(address, IPv6Address))


@dataclass(frozen=True, slots=True)
class Exchangers:
    """Mail exchangers, best first, without final dot; ``null``: the domain takes no mail (RFC 7505).

    ``best``: those of the lowest preference, which a sender tries first.
    """

    names: tuple[str, ...] = ()
    null: bool = False
    failed: bool = False
    text: str = ""
    best: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReverseName:
    """The first name of an address, without final dot; "" where it has none or nobody could tell."""

    name: str = ""
    failed: bool = False
    text: str = ""


@dataclass(frozen=True, slots=True)
class Records:
    """Records of one name and type; none where there are none, or nobody could tell (``failed``; ``text``: why).

    ``ttl``: seconds for which this holds, "there is none" too (RFC 2308 §5).
    """

    found: tuple[dns.rdata.Rdata, ...] = ()
    ttl: int = 0
    failed: bool = False
    text: str = ""

    @property
    def texts(self) -> tuple[str, ...]:
        """The records as a zone file writes them."""
        return tuple(record.to_text() for record in self.found)

    @property
    def strings(self) -> tuple[bytes, ...]:
        """The texts of TXT records, the pieces of each joined."""
        return tuple(b"".join(record.strings) for record in self.found if isinstance(record, dns.rdtypes.ANY.TXT.TXT))


class Resolver:
    """Looks up names.

    Args:
        nameservers: addresses to ask; None for those of ``/etc/resolv.conf``.
        port: their UDP and TCP port.
        deadline: seconds for one question.
        hosts: file of fixed names.
        keep: False: nothing is kept, each question is asked (for those who keep answers themselves).
    """

    def __init__(
        self,
        nameservers: Sequence[str] | None = None,
        *,
        port: int = 53,
        deadline: float = DEADLINE,
        hosts: Path = _HOSTS,
        keep: bool = True,
    ) -> None:
        self._nameservers = nameservers
        self._port = port
        self._deadline = deadline
        self._hosts = hosts
        self._keep = keep
        self._resolver: dns.asyncresolver.Resolver | None = None

    def without_keeping(self, deadline: float | None = None) -> Resolver:
        """One that asks the same name servers and keeps nothing."""
        deadline = self._deadline if deadline is None else deadline
        return Resolver(self._nameservers, port=self._port, deadline=deadline, hosts=self._hosts, keep=False)

    async def addresses(self, name: str) -> Addresses:
        """All addresses of a name; a literal (with or without brackets) is its own address."""
        literal = as_address(name)
        if literal is not None:
            return Addresses((literal,))
        fixed = self._fixed_addresses(name)
        if fixed:
            return Addresses(fixed)
        four, six = await asyncio.gather(self._ask(name, "A"), self._ask(name, "AAAA"))
        found = tuple(ip_address(text) for text in (*four.texts, *six.texts))
        return Addresses(found, four.failed or six.failed, four.text or six.text)

    async def mx(self, name: str) -> Exchangers:
        """The mail exchangers of a domain; empty where it has none (its address then counts, RFC 5321 §5.1).

        Nobody is asked about a literal, or about a name below localhost (RFC 6761 §6.3).
        """
        if as_address(name) is not None or _is_localhost(name):
            return Exchangers()
        answer = await self._ask(name, "MX")
        ranked = sorted((int(text.partition(" ")[0]), text.partition(" ")[2].rstrip(".")) for text in answer.texts)
        names = tuple(exchanger for _, exchanger in ranked if exchanger)
        best = tuple(exchanger for rank, exchanger in ranked if rank == ranked[0][0] and exchanger)
        return Exchangers(names, bool(ranked) and not names, answer.failed, answer.text, best)

    async def ptr(self, address: IpAddress) -> ReverseName:
        """The reverse name of an address."""
        bare = plain(address)
        for fixed, names in self._fixed():
            if fixed == bare and names:
                return ReverseName(names[0])
        answer = await self._ask(str(dns.reversename.from_address(str(bare).partition("%")[0])), "PTR")
        name = answer.texts[0].rstrip(".") if answer.texts else ""
        return ReverseName(name, answer.failed, answer.text)

    async def confirmed_name(self, address: IpAddress) -> str:
        """The reverse name where it leads back to the address, else ""."""
        name = (await self.ptr(address)).name
        if name and plain(address) in (await self.addresses(name)).addresses:
            return name
        return ""

    async def exists(self, name: str) -> bool | None:
        """True where mail for the name has somewhere to go, False where it has nowhere, None where nobody can tell."""
        exchangers, found = await asyncio.gather(self.mx(name), self.addresses(name))
        if exchangers.null:
            return False
        if exchangers.names or found.addresses:
            return True
        return None if exchangers.failed or found.failed else False

    async def records(self, name: str, kind: str) -> Records:
        """The records of one type under an absolute name, without the search list and the file of fixed names."""
        return await self._ask(f"{name.rstrip('.')}.", kind)

    async def _ask(self, name: str, kind: str) -> Records:
        try:
            # A name without a dot may need the search list of resolv.conf.
            answer = await self._configured().resolve(
                name, kind, raise_on_no_answer=False, lifetime=self._deadline, search="." not in name.strip(".")
            )
        except dns.resolver.NXDOMAIN as none:
            return Records(ttl=_least_ttl(none))
        except dns.resolver.YXDOMAIN:
            return Records()
        except dns.resolver.NoResolverConfiguration:
            return Records(failed=True, text="no name server is configured")
        except (dns.resolver.LifetimeTimeout, TimeoutError):
            return Records(failed=True, text=f"no answer within {self._deadline:g} s")
        except dns.resolver.NoNameservers:
            return Records(failed=True, text="the name servers could not answer")
        except (dns.exception.SyntaxError, dns.name.LabelTooLong, dns.name.NameTooLong, dns.name.EmptyLabel):
            return Records()
        except (dns.name.IDNAException, UnicodeError):
            return Records()
        except (dns.exception.DNSException, OSError) as problem:
            return Records(failed=True, text=str(problem))
        return Records(tuple(answer.rrset or ()), answer.chaining_result.minimum_ttl)

    def _configured(self) -> dns.asyncresolver.Resolver:
        """The library's resolver, made at the first question."""
        if self._resolver is None:
            resolver = dns.asyncresolver.Resolver(configure=self._nameservers is None)
            if self._nameservers is not None:
                resolver.nameservers = list(self._nameservers)
                resolver.port = self._port
            resolver.timeout = min(2.0, self._deadline)
            resolver.cache = dns.resolver.LRUCache() if self._keep else None
            self._resolver = resolver
        return self._resolver

    def _fixed_addresses(self, name: str) -> tuple[IpAddress, ...]:
        wanted = name.rstrip(".").lower()
        found = [address for address, names in self._fixed() if wanted in names]
        if not found and _is_localhost(name):
            return _LOOPBACK
        return tuple(sorted(dict.fromkeys(found), key=lambda address: address.version))

    def _fixed(self) -> list[tuple[IpAddress, list[str]]]:
        """Lines of the hosts file; none where it can't be read."""
        try:
            lines = self._hosts.read_text("utf-8", "replace").splitlines()
        except OSError:
            return []
        fixed = []
        for line in lines:
            words = line.partition("#")[0].lower().split()
            address = as_address(words[0]) if words else None
            if address is not None:
                fixed.append((address, words[1:]))
        return fixed


def _least_ttl(none: dns.resolver.NXDOMAIN) -> int:
    """How long "there is no such name" holds (RFC 2308 §5)."""
    responses: dict[dns.name.Name, dns.message.QueryMessage] = none.responses()  # type: ignore[no-untyped-call]
    return min((response.resolve_chaining().minimum_ttl for response in responses.values()), default=0)


def _is_localhost(name: str) -> bool:
    bare = name.rstrip(".").lower()
    return bare == "localhost" or bare.endswith(".localhost")


def as_address(text: str) -> IpAddress | None:
    """An address, with or without brackets, or as an SMTP literal (``[IPv6:…]``, RFC 5321 §4.1.3); None for names."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if bare is not text and bare[:5].lower() == "ipv6:":
        bare = bare[5:]
    try:
        return ip_address(bare)
    except ValueError:
        return None
