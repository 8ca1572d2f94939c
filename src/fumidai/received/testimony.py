# SPDX-License-Identifier: Apache-2.0
"""What the other fields (``witness``) are worth beside the border's line: they confirm it, contradict it, or offer an
address where it has none.

The border's Received line stays the fact. A field that agrees is said beside the line. One that differs is a finding
that names both, and makes the verdict less sure; it never changes who the relay is. Where the line has no address, or
somebody masked it, what a field says is offered, for whoever asks the reporter: it is never taken.

Limits: ``X-Originating-IP`` often means the client of a web mailer further back, so it contradicts nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from fumidai.evidence.finding import Finding, Severity
from fumidai.received.address import inside, read_address
from fumidai.received.headers import Headers
from fumidai.received.hop import Client, Hop
from fumidai.received.trace import Claim, Confidence, Relay, Source
from fumidai.received.witness import ORIGINATING, Witness, witnesses

#: Protocols of web mailers: whoever speaks them had logged in there.
WEB: Final = ("HTTP", "HTTPS", "HTTPU", "HTTPD", "DAV")
LESS_SURE: Final = {Confidence.HIGH: Confidence.MEDIUM, Confidence.MEDIUM: Confidence.LOW}


class Testimony(NamedTuple):
    """What the fields say.

    Attributes:
        agree: they name the address that the border's line has.
        differ: they name another; a masked one may tell enough to differ from.
        offer: they name one where the line has none.
    """

    agree: tuple[Witness, ...] = ()
    differ: tuple[Witness, ...] = ()
    offer: tuple[Witness, ...] = ()

    @property
    def claims(self) -> tuple[Claim, ...]:
        """What is said beside the border's line."""
        return (Claim("address-confirmed", {"field": _fields(self.agree)}),) if self.agree else ()


def hear(message: bytes, hops: Sequence[Hop], trusted: Sequence[int]) -> Testimony | None:
    """What the fields of a message say of the client of its border; None if they say nothing.

    Args:
        message: the bytes that ``hops`` were read from.
        trusted: indexes of the trusted steps, the newest first; the last is the border.
    """
    found = witnesses(message, hops, trusted)
    if not found:
        return None
    peer = hops[trusted[-1]].client
    differ = tuple(one for one in found if one.field != ORIGINATING and not _may_be(one.address, peer))
    if peer.ip:
        return Testimony(tuple(one for one in found if one.address == peer.ip), differ)
    return Testimony((), differ, tuple(one for one in found if _may_be(one.address, peer)))


def _may_be(address: str, peer: Client) -> bool:
    """The client may have had this address: it has it, or a masked one that leaves room for it."""
    if peer.ip:
        return address == peer.ip
    parts = peer.masked.strip(" []()").split(".")
    known = [index for index, part in enumerate(parts) if part.isdigit()] if len(parts) == 4 else []
    told = address.split(".")
    return not known or (len(told) == 4 and all(told[index] == parts[index] for index in known))


def testified(
    testimony: Testimony, hops: Sequence[Hop], border: int, target: str, relay: Relay | None
) -> Iterable[Finding]:
    """The findings.

    Args:
        target: what the border's client is called; relay: the stepping stone, if there is one.
    """
    peer, by = hops[border].client, hops[border].by
    for address, fields in _by_address(testimony.differ):
        yield _contradiction(address, fields, hops, border, target, {"seen": peer.ip or peer.masked, "by": by})
    for address, fields in _by_address(testimony.offer):
        if relay is None or not relay.ip:
            named: dict[str, str | int] = {"relay": relay.name} if relay is not None else {}
            params: dict[str, str | int] = {"field": fields, "address": address, **named}
            yield Finding("address-offered", Severity.LOW, target, params=params)
        elif address != relay.ip:
            yield _contradiction(address, fields, hops, border, target, {"told": relay.ip})


def _contradiction(
    address: str, fields: str, hops: Sequence[Hop], border: int, target: str, seen: dict[str, str]
) -> Finding:
    """Another address than ``seen``; perhaps that of the host before, as a server says that knows the peer."""
    beyond = next((hop.by for hop in hops[border + 1 :] if hop.client.ip == address and hop.by), "")
    params: dict[str, str | int] = {"field": fields, "address": address, **seen}
    return Finding(
        "address-contradicted", Severity.LOW, target, params={**params, "beyond": beyond} if beyond else params
    )


def web_client(headers: Headers, hops: Sequence[Hop], source: Source | None, *, trusted: bool) -> Iterable[Finding]:
    """Who sat at the web mailer that the message came from, as its ``X-Originating-IP`` says.

    Args:
        trusted: the web mailer is the reader's own, and no older line might have brought the field along.
    """
    field = headers.get("x-originating-ip")
    if field is None or source is None or not hops[source.hop].with_.upper().startswith(WEB):
        return
    address = read_address(field.text)
    if address and address != source.ip and not inside(address):
        by = hops[source.hop].by
        params: dict[str, str | int] = {"address": address, "trusted" if trusted else "by": by}
        yield Finding("web-client", Severity.INFO, by, params=params)


def _by_address(found: Sequence[Witness]) -> list[tuple[str, str]]:
    """Each address with the names of the fields that tell it."""
    addresses = dict.fromkeys(one.address for one in found)
    return [(address, _fields([one for one in found if one.address == address])) for address in addresses]


def _fields(found: Sequence[Witness]) -> str:
    return ", ".join(dict.fromkeys(one.field for one in found))
