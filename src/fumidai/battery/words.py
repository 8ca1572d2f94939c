# SPDX-License-Identifier: Apache-2.0
"""The words that may stand in braces in a row, and how they are filled.

A template is text with placeholders. ``{x00}`` to ``{xff}`` are single bytes; every other name is a word of
this table. Filling gives bytes: text goes out as UTF-8, so a row may hold look-alike characters as they are.
A word that the ground can't offer has no value; the row then does not apply, for the reason the table names.

``{ip}`` is meant for brackets: ``[{ip}]`` is an address literal of either family (RFC 5321 §4.1.3).
``{pd}`` is the proof domain where a host name has to stand inside another address: for an IPv4 literal it is
the bare quad, which is legal there, and an IPv6 literal has none. ``{proof}`` always is the whole address.

Limits: words are taken as the running rooms learned them; whether a name is the target's own is not asked here.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from fumidai.battery.ground import Ground
from fumidai.evidence.outcome import Reason

PLACEHOLDER: Final = re.compile(r"\{([a-z][a-z0-9-]*)\}")
_RAW_BYTE: Final = re.compile(r"x[0-9a-f]{2}")
_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz0123456789"

# word -> (what the row then needs, "" where every ground has it, and why it does not apply without)
WORDS: Final[Mapping[str, tuple[str, Reason]]] = {
    "sender": ("", Reason.NO_PROOF),
    "sl": ("", Reason.NO_PROOF),
    "sd": ("", Reason.NO_NAME),
    "proof": ("", Reason.NO_PROOF),
    "pl": ("", Reason.NO_PROOF),
    "pl-upper": ("", Reason.NO_PROOF),
    "pd": ("", Reason.NO_NAME),
    "pd-zone": ("", Reason.NO_NAME),
    "pd-upper": ("", Reason.NO_NAME),
    "pd-fullwidth-dot": ("", Reason.NO_NAME),
    "pd-ideographic-dot": ("", Reason.NO_NAME),
    "host": ("host", Reason.NO_NAME),
    "ptr": ("ptr", Reason.NO_NAME),
    "name": ("", Reason.NO_NAME),
    "ip": ("", Reason.NO_IPV4),
    "arpa": ("", Reason.NO_IPV4),
    "domain": ("domain", Reason.NO_DOMAIN),
    "domain-upper": ("domain", Reason.NO_DOMAIN),
    "domain-zwsp": ("domain", Reason.NO_DOMAIN),
    "domain-backwards": ("domain", Reason.NO_DOMAIN),
    "domain-nfd": ("domain", Reason.NO_DOMAIN),
    "parent": ("domain", Reason.NO_DOMAIN),
    "tld": ("domain", Reason.NO_DOMAIN),
    "localuser": ("local-user", Reason.NO_LOCAL_USER),
    "local-part": ("local-user", Reason.NO_LOCAL_USER),
    "local-domain": ("local-user", Reason.NO_LOCAL_USER),
    "known": ("domain", Reason.NO_DOMAIN),
    "sink4": ("proof-ip4", Reason.NO_IPV4),
    "sink4-decimal": ("proof-ip4", Reason.NO_IPV4),
    "sink4-hex": ("proof-ip4", Reason.NO_IPV4),
    "sink6": ("proof-ip6", Reason.NO_IPV6),
    "mx-domain": ("mx-domain", Reason.NO_MX_DOMAIN),
    "ehlo": ("", Reason.NO_NAME),
    "nonce": ("", Reason.NO_NAME),
    "pad64": ("", Reason.NO_NAME),
    "spaces1000": ("", Reason.NO_NAME),
    "labels256": ("", Reason.NO_NAME),
}


@lru_cache(maxsize=4096)
def parts(template: str) -> tuple[bytes | str, ...]:
    """A template cut into bytes that are said as they stand and names of words."""
    cut: list[bytes | str] = []
    end = 0
    for match in PLACEHOLDER.finditer(template):
        cut.append(template[end : match.start()].encode())
        name = match[1]
        cut.append(bytes.fromhex(name[1:]) if _RAW_BYTE.fullmatch(name) else name)
        end = match.end()
    return (*cut, template[end:].encode())


def names(template: str) -> frozenset[str]:
    """The words that a template mentions (not its raw bytes)."""
    return frozenset(part for part in parts(template) if isinstance(part, str))


def fill(template: str, words: Mapping[str, str]) -> bytes:
    """The template with every placeholder filled.

    Raises:
        KeyError: a word has no value here.
    """
    return b"".join(words[part].encode() if isinstance(part, str) else part for part in parts(template))


def nonce(run: str, number: int, part: str = "") -> str:
    """A word of twelve letters and digits for one attempt; the same for the same run, number and part.

    It only has to be nobody's name, so it needs no secret; it starts with a letter so that it can be a label.
    """
    digest = hashlib.sha256(f"{run}/{number}/{part}".encode()).digest()
    return "n" + "".join(_ALPHABET[byte % 36] for byte in digest[:11])


def of_ground(ground: Ground) -> dict[str, str]:
    """Every word that this ground offers, but for those of a single attempt."""
    found = {
        **_foreign_words(ground),
        **_target_words(ground),
        **_domain_words(ground.domain.lower()),
        **_local_words(ground),
        "ehlo": ground.ehlo,
        "pad64": "x" * 64,
        "spaces1000": " " * 1000,
        "labels256": ".".join(["x" * 63] * 4),
    }
    return {name: value for name, value in found.items() if value}


def of_attempt(ground: Ground, sender: str, recipient: str, nonce: str) -> dict[str, str]:
    """The words of one attempt: its tokens (local parts of sender and recipient) and its nonce."""
    return {
        "sender": f"{sender}@{ground.sender_domain}",
        "sl": sender,
        "proof": f"{recipient}@{ground.proof_domain}",
        "pl": recipient,
        "pl-upper": recipient.upper(),
        "nonce": nonce,
    }


def literal(address: IPv4Address | IPv6Address) -> str:
    """An address as it stands between the brackets of a literal."""
    # RFC 5321 §4.1.3: an IPv6 literal carries its tag.
    return str(address) if address.version == 4 else f"IPv6:{address}"


def _bare(domain: str) -> str:
    """A domain as it may stand inside another address: a name, the quad of an IPv4 literal, else ""."""
    if not domain.startswith("["):
        return domain
    inner = domain[1:-1]
    return "" if ":" in inner else inner


def _foreign_words(ground: Ground) -> dict[str, str]:
    zone = "" if ground.proof_domain.startswith("[") else ground.proof_domain
    sink4 = int(ground.sink4) if ground.sink4 else None
    return {
        "sd": _bare(ground.sender_domain),
        "pd": _bare(ground.proof_domain),
        "pd-zone": zone,
        "pd-upper": zone.upper(),
        "pd-fullwidth-dot": zone.replace(".", "\uff0e"),
        "pd-ideographic-dot": zone.replace(".", "\u3002"),
        "sink4": str(ground.sink4 or ""),
        "sink4-decimal": "" if sink4 is None else str(sink4),
        "sink4-hex": "" if sink4 is None else f"0x{sink4:08x}",
        "sink6": str(ground.sink6 or ""),
        "mx-domain": ground.mx_domain,
    }


def _target_words(ground: Ground) -> dict[str, str]:
    return {
        "host": ground.host.lower(),
        "ptr": ground.ptr.lower(),
        "name": (ground.ptr or ground.host).lower(),
        "ip": literal(ground.address),
        "arpa": ground.address.reverse_pointer,
    }


def _domain_words(domain: str) -> dict[str, str]:
    parent = domain.partition(".")[2]
    unicode_name = _unicode_name(domain)
    return {
        "domain": domain,
        "domain-upper": domain.upper(),
        "domain-zwsp": domain[:1] + "\u200b" + domain[1:] if domain else "",
        "domain-backwards": domain[::-1],
        "domain-nfd": unicodedata.normalize("NFD", unicode_name) if not unicode_name.isascii() else "",
        "parent": parent if "." in parent else "",
        "tld": domain.rpartition(".")[2] if parent else "",
    }


def _unicode_name(domain: str) -> str:
    """The U-label form of a name, or the name itself where it is not one."""
    try:
        return domain.encode("ascii").decode("idna")
    except UnicodeError:
        return domain


def _local_words(ground: Ground) -> dict[str, str]:
    local, _, domain = ground.local_user.rpartition("@")
    # RFC 5321 §4.5.1: every server that receives for a domain takes mail for its postmaster.
    postmaster = f"postmaster@{ground.domain.lower()}" if ground.domain else ""
    return {
        "localuser": ground.local_user,
        "local-part": local,
        "local-domain": domain,
        "known": ground.local_user or postmaster,
    }
