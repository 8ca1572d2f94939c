# SPDX-License-Identifier: Apache-2.0
"""The names in a certificate that nobody verified, and when it is valid, read from its DER bytes.

The ssl module tells names of verified certificates only. This walks X.509 (RFC 5280 §4.1) as far as the times, the
subject's common name and the alternative DNS names, and stops in silence at whatever it does not understand: an
unverified certificate is a peer's text, worth a line in a report and nothing more.

Limits: DNS names and common names only; indefinite lengths (BER) are not followed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

_SEQUENCE: Final = 0x30
_OID: Final = 0x06
_OCTETS: Final = 0x04
_BOOLEAN: Final = 0x01
_VERSION: Final = 0xA0
_EXTENSIONS: Final = 0xA3
_DNS_NAME: Final = 0x82
_COMMON_NAME: Final = bytes.fromhex("550403")  # 2.5.4.3
_ALT_NAMES: Final = bytes.fromhex("551d11")  # 2.5.29.17
_MOST_NAMES: Final = 100
#: RFC 5280 §4.1.2.5: UTCTime and GeneralizedTime, both always in Zulu and with seconds.
_TIMES: Final = {0x17: "%y%m%d%H%M%SZ", 0x18: "%Y%m%d%H%M%SZ"}


def certificate_names(der: bytes) -> tuple[str, ...]:
    """DNS names, then the common name where it is another one; () where the bytes are no certificate."""
    try:
        found = list(_names(der))
    except (IndexError, ValueError):
        return ()
    return tuple(dict.fromkeys(found))[:_MOST_NAMES]


def certificate_times(der: bytes) -> tuple[float, float] | None:
    """From when and until when it is valid, in seconds since the epoch; None where the bytes don't tell."""
    try:
        _, _, _, (_, validity), *_ = _fields(der)
        (first, begin), (second, end) = _items(validity)
        return _seconds(first, begin), _seconds(second, end)
    except (IndexError, KeyError, ValueError):
        return None


def _seconds(tag: int, text: bytes) -> float:
    return datetime.strptime(text.decode("ascii"), _TIMES[tag]).replace(tzinfo=UTC).timestamp()


def _fields(der: bytes) -> list[tuple[int, bytes]]:
    """Fields of SEQUENCE { tbsCertificate SEQUENCE { … }, … }, from the serial number on."""
    (_, certificate), *_ = _items(der)
    (_, body), *_ = _items(certificate)
    fields = list(_items(body))
    return fields[1:] if fields[0][0] == _VERSION else fields


def _names(der: bytes) -> Iterator[str]:
    fields = _fields(der)
    # serial, signature, issuer, validity, subject, key, then what is optional
    subject = fields[4][1]
    for tag, value in fields[6:]:
        if tag == _EXTENSIONS:
            yield from _alternative_names(value)
    yield from _common_names(subject)


def _alternative_names(extensions: bytes) -> Iterator[str]:
    """RFC 5280 §4.2.1.6: SEQUENCE OF SEQUENCE { oid, critical DEFAULT FALSE, OCTET STRING }."""
    for _, listed in _items(extensions):
        for _, extension in _items(listed):
            parts = [part for part in _items(extension) if part[0] != _BOOLEAN]
            if len(parts) == 2 and parts[0] == (_OID, _ALT_NAMES) and parts[1][0] == _OCTETS:
                (_, names), *_ = _items(parts[1][1])
                yield from (_text(value) for tag, value in _items(names) if tag == _DNS_NAME)


def _common_names(subject: bytes) -> Iterator[str]:
    """RDNSequence: SEQUENCE OF SET OF SEQUENCE { oid, value }."""
    for _, relative in _items(subject):
        for _, attribute in _items(relative):
            parts = list(_items(attribute))
            if len(parts) == 2 and parts[0] == (_OID, _COMMON_NAME):
                yield _text(parts[1][1])


def _items(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(tag, contents) of each element in ``data``."""
    at = 0
    while at < len(data):
        tag, length, start = data[at], data[at + 1], at + 2
        if length & 0x80:
            octets = length & 0x7F
            length = int.from_bytes(data[start : start + octets], "big")
            start += octets
        at = start + length
        if at > len(data):
            raise ValueError("an element is longer than what holds it")
        yield tag, data[start:at]


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
