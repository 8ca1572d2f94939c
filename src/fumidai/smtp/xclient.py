# SPDX-License-Identifier: Apache-2.0
"""The argument of XCLIENT: what a proxy in front says of the client behind it.

    XCLIENT NAME=mail.example ADDR=IPV6:2001:db8::1 LOGIN=[UNAVAILABLE]

Each value is xtext (RFC 3461 §4: ``+2B`` for ``+``); ``[UNAVAILABLE]`` and ``[TEMPUNAVAIL]`` say that the proxy can't
tell. What can't be told is ``Absent`` here, so that nobody takes it for an answer. An attribute that is not named
keeps what it was.

Source: Postfix, XCLIENT_README.

Limits: the form only. Whether the peer may say such things is asked before this (``server`` offers XCLIENT to nobody
unless told to); what PROTO, DESTADDR and DESTPORT are good for is the user's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum, StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from fumidai.smtp.literal import is_domain_name

IpAddress = IPv4Address | IPv6Address


class Attribute(StrEnum):
    """What may be said."""

    NAME = "NAME"
    REVERSE_NAME = "REVERSE_NAME"
    ADDR = "ADDR"
    PORT = "PORT"
    PROTO = "PROTO"
    HELO = "HELO"
    LOGIN = "LOGIN"
    DESTADDR = "DESTADDR"
    DESTPORT = "DESTPORT"


class Absent(Enum):
    """That the proxy can't tell: for good, or just now."""

    UNAVAILABLE = b"[UNAVAILABLE]"
    TEMPORARILY = b"[TEMPUNAVAIL]"


class XClientFault(StrEnum):
    """Why an argument is none."""

    EMPTY = "an attribute is needed"
    NO_VALUE = "an attribute without a value"
    UNKNOWN = "an attribute that nobody knows"
    REPEATED = "an attribute given twice"
    XTEXT = "a value that is no xtext"
    ADDRESS = "a value that is no address"
    NUMBER = "a value that is no port"
    NAME = "a value that is no name of a host"
    PROTOCOL = "a protocol that is neither SMTP nor ESMTP"


#: An address, a port (number), a text, or that it can't be told.
Value = IpAddress | int | str | Absent
Attributes = Mapping[Attribute, Value]

#: What EHLO announces: XCLIENT and its attributes.
ANNOUNCED: Final = " ".join(("XCLIENT", *Attribute))

# RFC 3461 §4: printable ASCII but "+" and "=" stands for itself. Postfix itself leaves "=" as it is.
_XTEXT: Final = re.compile(rb"(?:[!-*,-~]|\+[0-9A-Fa-f]{2})*")
_CODED: Final = re.compile(rb"\+([0-9A-Fa-f]{2})")
_IPV6: Final = re.compile(r"IPV6:", re.IGNORECASE)
_PORT: Final = re.compile(r"[0-9]{1,5}")


def parse_xclient(argument: bytes) -> Attributes | XClientFault:
    """What the proxy says, or the first thing that is wrong with it."""
    said: dict[Attribute, Value] = {}
    for word in argument.split():
        name, equals, raw = word.partition(b"=")
        attribute = _attribute(name)
        if attribute is None:
            return XClientFault.UNKNOWN
        if not equals:
            return XClientFault.NO_VALUE
        if attribute in said:
            return XClientFault.REPEATED
        value = _value(attribute, raw)
        if isinstance(value, XClientFault):
            return value
        said[attribute] = value
    return said or XClientFault.EMPTY


def _attribute(name: bytes) -> Attribute | None:
    word = name.decode("latin-1").upper()
    return Attribute(word) if word in Attribute.__members__ else None


def _value(attribute: Attribute, raw: bytes) -> Value | XClientFault:
    if raw.upper() in (absent.value for absent in Absent):
        return Absent(raw.upper())
    plain = from_xtext(raw)
    if plain is None:
        return XClientFault.XTEXT
    if not plain:
        # An empty value says nothing, and must not pass for "has none".
        return XClientFault.NO_VALUE
    if attribute is Attribute.HELO:
        # A client may call itself anything, and its proxy may pass it on.
        return plain.decode("latin-1")
    text = plain.decode("utf-8", "replace")
    if not text.isprintable() or "\ufffd" in text:
        return XClientFault.XTEXT
    match attribute:
        case Attribute.ADDR | Attribute.DESTADDR:
            return _address(text) or XClientFault.ADDRESS
        case Attribute.PORT | Attribute.DESTPORT:
            return int(text) if _PORT.fullmatch(text) and int(text) < 65536 else XClientFault.NUMBER
        case Attribute.NAME | Attribute.REVERSE_NAME:
            return text if is_domain_name(text) else XClientFault.NAME
        case Attribute.PROTO:
            return text.upper() if text.upper() in ("SMTP", "ESMTP") else XClientFault.PROTOCOL
        case _:
            return text


def _address(text: str) -> IpAddress | None:
    """An IPv4 address, or ``IPV6:`` and an IPv6 one."""
    prefix = _IPV6.match(text)
    try:
        return IPv6Address(text[prefix.end() :]) if prefix else IPv4Address(text)
    except ValueError:
        return None


def from_xtext(raw: bytes) -> bytes | None:
    """What an xtext stands for; None if it is none."""
    return _CODED.sub(lambda found: bytes([int(found[1], 16)]), raw) if _XTEXT.fullmatch(raw) else None
