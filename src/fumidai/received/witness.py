# SPDX-License-Identifier: Apache-2.0
"""Other fields that name the client of the border: who wrote them, and which address they tell.

A server that checks its client writes down what it saw: ``Received-SPF`` (RFC 7208 §9.1, ``client-ip``),
``Authentication-Results`` (RFC 8601: ``policy.iprev``; RFC 8617 §6: ``smtp.remote-ip``) and its copy for a chain, what
Exchange Online calls the connecting address (``CIP``), and fields of gateways. A peer can bring any of them along, so
their *place* decides: whoever takes a message puts his fields on top, and what stands above the border's own Received
line was written by the border or later. Everything below is not looked at.

Of those above, a field speaks of the border's client if it stands right above the border's line (below the next newer
one), or names the border's host as its writer. ``Authentication-Results`` has to name one of the reader's own hosts in
any case (RFC 8601 §5). What a field tells besides the client, the address of a host inside, is left out.

Limits: Gmail and some others write below their own line, where nobody can tell their fields from a peer's: those are
not heard; nor are Exchange's ``X-MS-Exchange-…``, which stand at the end of the head. The first 50 such fields are, of
each the first 8 KiB. A field that tells two addresses (a sender's name may be made to look like one) tells none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Final, NamedTuple

from fumidai.received.address import inside, parsed, read_address
from fumidai.received.headers import blanked
from fumidai.received.hop import Hop, Span
from fumidai.received.site import plain_name, site

FIELDS_AT_MOST: Final = 50
FIELD_AT_MOST: Final = 8192
#: Between two Received lines there is at least "\nReceived:"; with "\nX-Sender-IP:1::1" it is so long.
_SHORTEST: Final = 26
SPF: Final = "Received-SPF"
ORIGINATING: Final = "X-Originating-IP"
_RESULTS: Final = ("Authentication-Results", "ARC-Authentication-Results")
_FOREFRONT: Final = "X-Forefront-Antispam-Report"
_NAMES: Final = (SPF, *_RESULTS, _FOREFRONT, ORIGINATING, "X-Sender-IP")
_USUAL: Final = {name.lower().encode(): name for name in _NAMES}
# Nothing is given back: linear in the head.
_FIELD: Final = re.compile(
    b"\n(" + b"|".join(_USUAL) + rb")[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)",
    re.IGNORECASE,
)
# RFC 7208 §9.1.
_SPF_KEYS: Final = ("client-ip",)
# RFC 8601 §2.7.3, RFC 8617 §6.
_RESULT_KEYS: Final = ("smtp.remote-ip", "policy.iprev")
# RFC 7208 §9.1 writes so in its examples, and so do Gmail, rspamd and Mail::SPF: "… designates 192.0.2.1 as …".
_DESIGNATES: Final = re.compile(r"designates? ([^ ]{2,60}+) as permitted sender")
# What a value is made of that is no address, in quotes and bare; both in small letters.
_QUOTED: Final = r"[\[\]0-9a-fipv:.]*+"
_BARE: Final = r'[^ ;"()\\]++'
_VALUE: Final = re.compile(rf' *+= *+(?:"({_QUOTED})"|({_BARE}))')
_ADDRESS: Final = re.compile(_QUOTED)
#: A structured value as nearly all are, up to some place: is it inside a comment there, or inside of quotes?
_UP_TO: Final = re.compile(r'(?:[^()"]++|\([^()]*+\)|"[^"]*+")*+(?:(\([^()]*+)|("[^"]*+))?+')
_PIECE: Final = re.compile(r'[^()"\\]++|\\.?|[()"]', re.DOTALL)
_AFTER_CARE: Final = {
    key: re.compile(rf'(?<![^ ;]){re.escape(key)} *+= *+"?+({_BARE})')
    for key in (*_SPF_KEYS, *_RESULT_KEYS, "receiver")
}
_CONNECTING: Final = re.compile(rf"(?<![^ ;])cip:({_BARE})")


class Witness(NamedTuple):
    """A field that names the client of the border.

    Attributes:
        field: its name as it is written most.
        address: what it says, in the usual form.
    """

    field: str
    address: str


def witnesses(message: bytes, hops: Sequence[Hop], trusted: Sequence[int]) -> tuple[Witness, ...]:
    """What other fields say of the client of the border, the newest (topmost) first.

    Args:
        message: the bytes that ``hops`` were read from.
        trusted: indexes of the trusted steps, the newest first; the last is the border.
    """
    places = _places(hops, trusted[-1])
    if not places:
        return ()
    own = [hops[index] for index in trusted]
    near = own[-2].span.end if len(own) > 1 else 0
    insiders = {hop.by_ip for hop in own} | {hop.client.ip for hop in own[:-1]}
    heard: list[Witness] = []
    for start, field in islice(_fields(message, places), FIELDS_AT_MOST):
        name = _USUAL[field[1].lower()]
        address = _address(name, blanked(field[2][:FIELD_AT_MOST]).strip().lower(), own, near=start >= near)
        if address and (address == own[-1].client.ip or not (inside(address) or address in insiders)):
            heard.append(Witness(name, address))
    return tuple(heard)


def _places(hops: Sequence[Hop], border: int) -> list[Span]:
    """Between Received lines down to the border, where a field has room: mostly there are none."""
    found: list[Span] = []
    end = 0
    for hop in hops[: border + 1]:
        start, behind = hop.span
        if start - end >= _SHORTEST:
            found.append(Span(end, start))
        end = behind
    return found


def _fields(message: bytes, places: Sequence[Span]) -> Iterator[tuple[int, re.Match[bytes]]]:
    """The fields that may name a client, and from where each was found."""
    for start, end in places:
        text = message[start:end] if start else b"\n" + message[:end]
        for field in _FIELD.finditer(text):
            yield start, field


def _address(name: str, text: str, own: Sequence[Hop], *, near: bool) -> str:
    """The address that a field tells of the border's client; "" if it tells none, or is not one to be heard.

    Args:
        text: in small letters.
    """
    if name in _RESULTS:
        writer = _authserv(text, chained=name != _RESULTS[0])
        if not (_is(writer, own[-1].by) or (near and any(_same_site(writer, hop.by) for hop in own))):
            return ""
        return _only(told(text, _RESULT_KEYS))
    if name == SPF:
        if not near and not any(
            _is(receiver, own[-1].by) for receiver in _AFTER_CARE["receiver"].findall(_parts(text)[0])[:1]
        ):
            return ""
        return _only(told(text, _SPF_KEYS))
    if not near:
        return ""
    return _only(_CONNECTING.findall(text) if name == _FOREFRONT else text.replace(",", " ").split(" "))


def told(text: str, keys: Sequence[str]) -> list[str]:
    """What a structured value says the address is, after a key and in a comment that calls it designated."""
    said: list[str] = []
    for word in (*keys, "designate"):
        at = text.find(word)
        if at < 0:
            continue
        where = _UP_TO.fullmatch(text, 0, at)
        if where is None or "\\" in text or text.find(word, at + 1) > 0:
            return told_with_care(text, keys)
        if word == "designate":
            found = _DESIGNATES.match(text, at) if where[1] is not None else None
            said += found.groups() if found is not None else ()
        elif where.lastindex is None and (not at or text[at - 1] in " ;)"):
            found = _VALUE.match(text, at + len(word))
            if found is None:
                return told_with_care(text, keys)
            said.append(found[found.lastindex or 0])
    return said


def told_with_care(text: str, keys: Sequence[str]) -> list[str]:
    """As ``told``, for any text: comments in comments, backslashes, words that come again."""
    plain, comments = _parts(text)
    return [value for key in keys for value in _AFTER_CARE[key].findall(plain)] + _DESIGNATES.findall(comments)


def _only(texts: Sequence[str]) -> str:
    """The one address among some texts."""
    found = {read_address(text) for text in texts} - {""}
    address = found.pop() if len(found) == 1 else ""
    return address if address and _is_hosts(address) else ""


@lru_cache(maxsize=4096)
def _is_hosts(address: str) -> bool:
    """A host can have it. Exchange Online writes 255.255.255.255 for a client that there was none of."""
    found = parsed(address)
    return found is not None and not (found.is_multicast or found.is_reserved or found.is_unspecified)


def _parts(text: str) -> tuple[str, str]:
    """A structured value without comments, and the comments, each in a line (RFC 5322 §3.2.2).

    Of a quoted string only an address is kept: a sender may call himself ``"x client-ip=192.0.2.1"``.
    """
    plain: list[str] = []
    comments: list[str] = []
    depth, quoted = 0, None
    for found in _PIECE.finditer(text):
        piece = found[0]
        if quoted is not None:
            if piece != '"':
                quoted += piece
                continue
            plain.append(f'"{quoted}"' if _ADDRESS.fullmatch(quoted) else '""')
            quoted = None
        elif piece == '"' and not depth:
            quoted = ""
        elif piece == "(":
            depth += 1
            (comments if depth > 1 else plain).append(" ")
        elif piece == ")":
            depth = max(0, depth - 1)
            comments.append(" " if depth else "\n")
        else:
            (comments if depth else plain).append(piece)
    return "".join(plain), "".join(comments)


def _authserv(text: str, *, chained: bool) -> str:
    """The authserv-id: who says that he wrote it (RFC 8601 §2.2); "" where a result stands in its place."""
    # RFC 8617 §4.1.1: before it stands the instance, "i=1;".
    first = (text.partition(";")[2] if chained else text).partition(";")[0]
    if "(" in first:
        first = _parts(first)[0]
    first = first.strip().partition(" ")[0]
    return "" if "=" in first else first


def _is(writer: str, by: str) -> bool:
    """The name is that of the host, or one that the host stands below: ``example.net`` for ``mx.example.net``."""
    name, host = plain_name(writer), plain_name(by)
    return name != "" and (name == host or (site(name) != "" and host.endswith(f".{name}")))


def _same_site(writer: str, by: str) -> bool:
    return _is(writer, by) or site(writer) == site(by) != ""
