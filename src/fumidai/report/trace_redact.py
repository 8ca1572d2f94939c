# SPDX-License-Identifier: Apache-2.0
"""Take the recipients out of a message's head, so that it can be handed to strangers.

How it works (after RFC 6590): every address that a recipient field or a Received line's ``for`` names gets a token made
of a key and the address; wherever the address stands in the head, also as a bounce address spells it (VERP,
``you=a.com``), its local part becomes the token. The same address gets the same token while the key is the same. A
recipient field keeps its addresses alone: the names beside them are dropped.

Limits: the body, and names in other fields, stay as they are. Domains stay: they tell whom the report concerns. An
address inside an encoded word (RFC 2047) is not seen outside the recipient fields.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from typing import Final

#: Fields that name recipients: of RFC 5322 §3.6.3 and §3.6.6, and those that servers add at delivery.
_FIELDS: Final = frozenset(
    (
        b"to", b"cc", b"bcc", b"resent-to", b"resent-cc", b"resent-bcc", b"apparently-to", b"delivered-to",
        b"x-delivered-to", b"x-original-to", b"envelope-to", b"x-envelope-to", b"x-rcpt-to", b"x-forwarded-to",
        b"x-forwarded-for", b"x-real-to", b"x-receiver",
    )
)  # fmt: skip
# A local part begins where one can begin and gives nothing back, so a head is read once, whatever stands in it.
_LOCAL: Final = rb"(\"[^\"\r\n@]{1,128}+\"|(?<![^\s\"<>()\[\],;:@\\=])[^\s\"<>()\[\],;:@\\=]++)"
_DOMAIN: Final = rb"([A-Za-z0-9_\x80-\xff.-]{1,255}|\[[0-9A-Fa-f:.]{2,60}\])"
_ADDRESS: Final = re.compile(_LOCAL + b"@" + _DOMAIN)
_FOR: Final = re.compile(rb"\bfor\s{1,4}<?(" + _ADDRESS.pattern + rb")", re.IGNORECASE)
_FIELD: Final = re.compile(rb"(?m)^([^\s:]{1,200})[ \t]*:((?:.*)(?:\r?\n[ \t].*)*)")
# What stands before an at sign, or before what VERP writes for one; that is not taken along, as "rcpt=you@a.com" may
# be a name with a value.
_LOCAL_PART: Final = re.compile(_LOCAL + rb"(?=(?:@|=40|=)" + _DOMAIN + rb")")
#: VERP is looked for in so many letters before the at sign.
_VERP_AT_MOST: Final = 300
_TOKEN_LETTERS: Final = 12


def redact(message: bytes, key: bytes) -> bytes:
    """The message with its recipients replaced by tokens.

    Args:
        key: secret; whoever has it can prove who was meant.
    """
    end = _end_of_head(message)
    head, rest = message[:end], message[end:]
    tokens = {address: token(address, key) for address in recipients(head)}
    if tokens:
        head = _LOCAL_PART.sub(lambda found: _stand_in(found, tokens), _FIELD.sub(_addresses_alone, head))
    return head + rest


def recipients(head: bytes) -> set[bytes]:
    """The addresses of the recipients that a head names, in small letters."""
    found: set[bytes] = set()
    for name, value in _FIELD.findall(head):
        if name.lower() in _FIELDS:
            found |= {_plain(address.group()) for address in _ADDRESS.finditer(value)}
        elif name.lower() == b"received":
            found |= {_plain(address[1]) for address in _FOR.finditer(value)}
    return found


def _plain(address: bytes) -> bytes:
    """In small letters, without what a sentence or a root leaves behind it."""
    return address.lower().rstrip(b".-")


def token(address: bytes, key: bytes) -> bytes:
    """What stands for a local part."""
    digest = hmac.new(key, address.lower(), hashlib.sha256).hexdigest()
    return b"redacted-" + digest[:_TOKEN_LETTERS].encode()


def _end_of_head(message: bytes) -> int:
    found = re.search(rb"\r?\n\r?\n", message)
    return found.start() + 1 if found else len(message)


def _addresses_alone(field: re.Match[bytes]) -> bytes:
    name, value = field[1], field[2]
    if name.lower() not in _FIELDS or not value.strip():
        return field[0]
    kept = b",\n ".join(_each_address(value)) or b"redacted"
    # The field's own line end stands behind it and may be CR LF: its CR is the last of what was matched.
    return name + b": " + kept + (b"\r" if field[0].endswith(b"\r") else b"")


def _each_address(value: bytes) -> Iterator[bytes]:
    for address in _ADDRESS.finditer(value):
        yield address.group()


def _stand_in(found: re.Match[bytes], tokens: Mapping[bytes, bytes]) -> bytes:
    """A local part, or the token for it or for its end: VERP puts a list's name before it."""
    local, domain = found[1], found[2].rstrip(b".-").lower()
    begins = [0, *(at.end() for at in re.finditer(rb"[-+/]", local) if at.end() >= len(local) - _VERP_AT_MOST)]
    for begin in begins:
        stand_in = tokens.get(local[begin:].lower() + b"@" + domain)
        if stand_in is not None:
            return local[:begin] + stand_in
    return local
