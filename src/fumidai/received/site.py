# SPDX-License-Identifier: Apache-2.0
"""Whose a host is, by its name and address: the same host, the same site, the same network; a customer's line or not.

A *site* is the part of a name that somebody registers: ``a.co.jp`` for ``ns.a.co.jp``. Of country domains the usual
second levels (``co.jp``, ``ac.uk``, ``com.br``) count as part of the end.

Limits: no list of all public suffixes is asked; below an odd one (``city.tokyo.jp``, ``github.io``) hosts of several
owners may be taken for one site. So a site never accuses: that two hosts belong together makes a hop harmless.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from fumidai.received.address import parsed, read_address
from fumidai.received.hop import Hop

# Second levels that many countries use as the registry's own.
_SECOND: Final = frozenset({
    "ac", "ad", "co", "com", "ed", "edu", "go", "gob", "gov", "gr", "gv", "info", "lg", "mil", "ne", "net", "nic",
    "nom", "or", "org", "sch",
})  # fmt: skip
_LONGEST: Final = 255
#: One provider under several names.
_ALSO: Final = {"office365.com": "outlook.com", "exchangelabs.com": "outlook.com", "googlemail.com": "google.com"}
_COMMON: Final = frozenset(
    {"mail", "mails", "email", "smtp", "host", "hosting", "server", "online", "internet", "webmail"}
)
# Names that providers give to lines: the address in them, or a word for the kind of line.
_LINE_WORDS: Final = frozenset({
    "adsl", "broadband", "cable", "client", "cust", "customer", "dab", "dhcp", "dial", "dialin", "dialup", "dsl", "dyn",
    "dynamic", "flets", "ftth", "host", "mobile", "modem", "pool", "ppp", "pppoe", "res", "residential", "slip", "user",
})  # fmt: skip
_NUMBER: Final = re.compile(r"\d+")


@lru_cache(maxsize=16384)
def plain_name(name: str) -> str:
    """A name or literal for comparing: small letters, no brackets, no last dot."""
    return read_address(name) or name[:_LONGEST].strip("[]<>").rstrip(".").lower()


@lru_cache(maxsize=16384)
def site(name: str) -> str:
    """The registered part of a host's name; "" for addresses, single labels and ``localhost.localdomain``."""
    plain = plain_name(name)
    labels = plain.rsplit(".", 3)
    if len(labels) < 2 or not labels[-1].isalpha() or labels[-1] in {"localdomain", "local", "lan", "internal"}:
        return ""
    deep = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND
    found = ".".join(labels[-3:] if deep else labels[-2:])
    return _ALSO.get(found, found)


@lru_cache(maxsize=16384)
def owner(name: str) -> str:
    """The word that a site is named by: ``example`` for ``example.com`` and ``example.co.jp``, which are often one's.

    Short and common words (``a``, ``mail``) name nobody: for them it is the site.
    """
    found = site(name)
    word = found.partition(".")[0]
    return word if len(word) > 3 and word not in _COMMON else found


@lru_cache(maxsize=8192)
def address_site(address: str) -> str:
    """The site of a mail address."""
    return site(address.rpartition("@")[2].rstrip(">"))


def network(address: str) -> str:
    """The neighbourhood of an address (in its usual form): its /24 in both families; "" without an address.

    An IPv6 /24 is what the largest providers hold; a /32, what the smallest do, would part one provider's own hosts.
    """
    if "." in address:
        return address.rpartition(".")[0]
    first, _, rest = address.partition(":")
    second = rest.partition(":")[0]
    return f"{first}:{second.zfill(4)[:2]}" if first else ""


@lru_cache(maxsize=8192)
def is_line(name: str, address: str) -> bool:
    """The name is one that a provider gives to a customer's line: it carries the address, or says dial, adsl, pool."""
    low = plain_name(name)
    if not low or "." not in low:
        return False
    if "." in address and _carries(low, address):
        return True
    return any(label.rstrip("0123456789") in _LINE_WORDS for label in low.replace("-", ".").split("."))


def _carries(name: str, address: str) -> bool:
    """The name carries the IPv4 address: three of its numbers, or all in one word, decimal or hexadecimal."""
    numbers = _NUMBER.findall(name)
    parts = address.split(".")
    if len(numbers) >= 3 and sum(part in numbers or part.zfill(3) in numbers for part in parts) >= 3:
        return True
    found = parsed(address)
    if found is not None and found.packed.hex() in name:
        return True
    return max(map(len, numbers), default=0) >= 12 and "".join(part.zfill(3) for part in parts) in name


def confirmed_name(hop: Hop) -> str:
    """The client's looked-up name, as far as it may be believed; "" where anybody could have made it up.

    A reverse name is what the owner of an address says. Sendmail notes if the name doesn't lead back ("may be forged"),
    Postfix, Exim and OpenSMTPD leave such a name out, qmail and qpsmtpd take it as it is; what ZMailer's flags say of
    it is not known here.
    """
    family = hop.family
    if family in {"qmail", "qpsmtpd", "zmailer"} and hop.client.ip:
        return ""
    return "" if family.startswith("sendmail") and b"may be forged" in hop.raw else hop.client.rdns


def same_host(hop: Hop) -> bool:
    """The writer of the line saw itself: its own name (looked up, not told) or address."""
    ip, name = hop.client.ip, confirmed_name(hop)
    if ip and ip in {hop.by_ip, plain_name(hop.by)}:
        return True
    return bool(name) and plain_name(name) == plain_name(hop.by)
