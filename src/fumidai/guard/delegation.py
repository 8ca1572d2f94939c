# SPDX-License-Identifier: Apache-2.0
"""Postfix's policy delegation, without sockets: bytes → attributes → ``policy.Request``; ``Decision`` → action.

    request=smtpd_access_policy        One request: lines name=value in any order, then an empty line. Many requests
    protocol_state=RCPT                come on one connection; names that we don't know are left alone.
    client_address=203.0.113.77        (Postfix, SMTPD_POLICY_README, "Protocol description")
    …

    action=DUNNO                       One answer: an action of access(5), then an empty line.

Postfix hands an address on in its internal form: without quotes, routes or brackets, so that ``"a@b"@ours`` and
``a@b@ours`` look the same. The address is quoted again here where it needs it, and ``decide`` then sees every reading
that it sees at the guard's own door.

What is permitted is answered DUNNO, never OK: an OK would end the list of restrictions and could open relaying.

Limits: a source route is cut off by Postfix before we are asked, so it is judged by its last address alone. At DATA
and END-OF-MESSAGE nothing is said: every recipient was decided at RCPT.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from fumidai.evidence.vantage import plain
from fumidai.policy.request import UNKNOWN, Action, Decision, Request, Unknown

Attributes = Mapping[str, bytes]

#: Octets of one line, and of one request. Postfix's longest attributes are addresses and names of certificates.
LONGEST_LINE: Final = 8192
LONGEST_REQUEST: Final = 65_536
#: Attributes of one request; Postfix 3.9 sends 34.
MOST_ATTRIBUTES: Final = 200
_REQUEST: Final = b"smtpd_access_policy"
# RFC 5321 §4.1.2, Dot-string; octets above 127 by RFC 6531 §3.3.
_ATOM: Final = rb"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\xff-]+"
_DOT_STRING: Final = re.compile(_ATOM + rb"(\." + _ATOM + rb")*")


class Gibberish(Exception):  # not an error of ours: it never leaves the protocol
    """What came is no request; the connection is to be closed."""


class RequestReader:
    """Cuts what comes into requests; any cutting of the same bytes gives the same requests."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._size = 0
        self._attributes: dict[str, bytes] = {}

    @property
    def begun(self) -> bool:
        """Part of a request has come."""
        return bool(self._rest or self._attributes)

    def push(self, data: bytes) -> None:
        """Take bytes."""
        self._rest += data

    def next(self) -> Attributes | None:
        """The next request; None: more has to come.

        Raises:
            Gibberish: this is no request, or longer than any.
        """
        while (end := self._rest.find(b"\n", 0, LONGEST_LINE)) >= 0:
            line = bytes(self._rest[:end])
            del self._rest[: end + 1]
            if not line:
                return self._whole()
            self._take(line)
        if len(self._rest) >= LONGEST_LINE:
            raise Gibberish(f"a line of more than {LONGEST_LINE} octets")
        return None

    def _take(self, line: bytes) -> None:
        name, equals, value = line.partition(b"=")
        if not equals or not name or not name.isascii() or b"\0" in line:
            raise Gibberish("a line that is not name=value")
        self._size += len(line)
        if self._size > LONGEST_REQUEST or len(self._attributes) >= MOST_ATTRIBUTES:
            raise Gibberish("a request without end")
        self._attributes[name.decode("ascii")] = value

    def _whole(self) -> Attributes:
        attributes, self._attributes, self._size = self._attributes, {}, 0
        if attributes.get("request") != _REQUEST:
            raise Gibberish("a request that is not smtpd_access_policy")
        return attributes


def request_of(attributes: Attributes) -> Request:
    """What Postfix tells of a recipient, as far as it tells; what is missing is unknown and never permits."""
    return Request(
        client=_address(attributes.get("client_address", b"")),
        client_name=_name(attributes.get("client_name", b"")),
        helo=_or_none(attributes.get("helo_name")),
        tls=_filled(attributes.get("encryption_protocol")),
        user=_or_none(attributes.get("sasl_username")),
        reverse_path=_path(attributes.get("sender")),
        forward_path=_path(attributes.get("recipient")),
    )


def action_of(decision: Decision | None) -> bytes:
    """The answer to a request; None stands for "nothing to say"."""
    if decision is None or decision.action is Action.PERMIT:
        return b"action=DUNNO\n\n"
    text = " ".join(part for part in (decision.enhanced, decision.text) if part)
    if decision.action is Action.DEFER:
        # access(5): what a later restriction refuses for good is refused, all else is put off.
        return f"action=DEFER_IF_PERMIT {_line(text)}\n\n".encode()
    # access(5), "5NN text": REJECT would replace the code by access_map_reject_code.
    return f"action={decision.code} {_line(text)}\n\n".encode()


def _line(text: str) -> str:
    """Text of the policy file on one line, so that it can't become an attribute of its own."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _address(value: bytes) -> IPv4Address | IPv6Address | Unknown:
    try:
        # A zone (fe80::1%eth0) is no part of the address.
        return plain(ip_address(value.decode("ascii").partition("%")[0]))
    except ValueError:
        return UNKNOWN


def _name(value: bytes) -> str | Unknown:
    """The verified name. Postfix writes "unknown" for none and for a look-up that failed: then we look ourselves."""
    text = value.decode("utf-8", "replace")
    return UNKNOWN if text in ("", "unknown") else text


def _or_none(value: bytes | None) -> str | None | Unknown:
    return UNKNOWN if value is None else value.decode("utf-8", "replace") or None


def _filled(value: bytes | None) -> bool | Unknown:
    return UNKNOWN if value is None else bool(value)


def _path(address: bytes | None) -> bytes | Unknown:
    """An address in brackets, its local part quoted where RFC 5321 wants that."""
    if address is None:
        return UNKNOWN
    local, at, domain = address.rpartition(b"@")
    if not at:
        local, domain = domain, b""
    if local and not _DOT_STRING.fullmatch(local):
        # RFC 5321 §4.1.2, Quoted-string
        local = b'"' + re.sub(rb'(["\\])', rb"\\\1", local) + b'"'
    return b"<" + local + at + domain + b">"
