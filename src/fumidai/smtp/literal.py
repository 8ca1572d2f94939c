# SPDX-License-Identifier: Apache-2.0
"""What stands right of the ``@``: domain names and address literals, in one form that can be compared.

``domain_key`` is that form: lower case, one trailing dot taken off, non-ASCII labels as A-labels, literals as
``[192.0.2.1]`` or ``[ipv6:2001:db8::1]``. Two names lead to the same place exactly when their keys are equal, so
whoever compares domains compares keys.

Limits: U-labels are only lower-cased and composed (NFC) before they become A-labels; whether IDNA 2008 permits
each character is not asked. Other mappings of a name (IDNA 2003, full width) are second readings, in ``readings``.
"""

from __future__ import annotations

import re
import unicodedata
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

Address = IPv4Address | IPv6Address

#: RFC 1035 §2.3.4 and RFC 5321 §4.5.3.1.2: octets of a label and of a whole name.
MAX_LABEL: Final = 63
MAX_DOMAIN: Final = 255

# RFC 5321 §4.1.2: sub-domain = Let-dig [Ldh-str]. The underscore is no letter of a host name, but stands in real
# ones; it can't be read as anything else, so it passes.
_LABEL: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?")
# RFC 5321 §4.1.3: General-address-literal = Standardized-tag ":" 1*dcontent.
_TAGGED: Final = re.compile(r"(?!ipv6:)[A-Za-z0-9-]*[A-Za-z0-9]:[!-Z^-~]+", re.IGNORECASE)
_NUMBER: Final = re.compile(r"0[xX][0-9a-fA-F]{0,16}|0[0-7]{0,16}|[1-9][0-9]{0,15}")
_IPV6_TAG: Final = "ipv6:"


def domain_key(domain: str) -> str:
    """The form of a domain or literal (brackets included) that may be compared; never fails."""
    if domain.startswith("["):
        literal = parse_literal(domain)
        return domain.lower() if literal is None else literal_key(literal)
    lowered = domain.lower()
    # RFC 1034 §3.1: the last dot names the root and says nothing.
    name = lowered[:-1] if lowered.endswith(".") else lowered
    if name.isascii():
        return name
    return ".".join(_a_label(label) for label in unicodedata.normalize("NFC", name).split("."))


def _a_label(label: str) -> str:
    # RFC 5890 §2.3.2.1: the ASCII form of a label with other letters. One that is too long has none.
    if label.isascii() or len(label) > MAX_LABEL:
        return label
    return "xn--" + label.lower().encode("punycode").decode("ascii")


def literal_key(address: Address) -> str:
    """An address as a literal, always spelled the same way (Python's spelling of mapped addresses varies)."""
    if isinstance(address, IPv4Address):
        return f"[{address}]"
    mapped = address.ipv4_mapped
    return f"[{_IPV6_TAG}::ffff:{mapped}]" if mapped else f"[{_IPV6_TAG}{address}]"


def parse_literal(domain: str) -> Address | None:
    """The address in ``[192.0.2.1]`` or ``[IPv6:2001:db8::1]`` (RFC 5321 §4.1.3); None if it is neither."""
    if not (domain.startswith("[") and domain.endswith("]")):
        return None
    return parse_address(domain[1:-1])


def parse_address(inside: str) -> Address | None:
    """The address between the brackets of a literal, or None."""
    try:
        if inside[: len(_IPV6_TAG)].lower() == _IPV6_TAG:
            # RFC 5321 §4.1.3 knows no zone; ipaddress does.
            return None if "%" in inside else IPv6Address(inside[len(_IPV6_TAG) :])
        return IPv4Address(inside)
    except AddressValueError:
        return None


def numeric_address(domain: str) -> Address | None:
    """The address that a host would see in a bare number: ``127.1``, ``0x7f000001``, ``#2130706433``, ``::1``.

    As the C library's inet_aton has always read them: up to four parts, decimal, octal or hexadecimal, the last
    part filling the bytes that are left.
    """
    text = domain.removeprefix("#").removesuffix(".")
    try:
        return IPv6Address(text) if text.count(":") > 1 and "%" not in text else IPv4Address(_aton(text))
    except ValueError:
        return None


def _aton(text: str) -> int:
    parts = text.split(".")
    if len(parts) > 4 or not all(_NUMBER.fullmatch(part) for part in parts):
        raise ValueError(text)
    *high, last = (_number(part) for part in parts)
    if any(part > 0xFF for part in high) or last >= 1 << 8 * (4 - len(high)):
        raise ValueError(text)
    return sum(part << 8 * (3 - place) for place, part in enumerate(high)) + last


def _number(part: str) -> int:
    if part[:2].lower() == "0x":
        return int(part[2:] or "0", 16)
    return int(part, 8 if part.startswith("0") else 10)


def is_tagged_literal(domain: str) -> bool:
    """True for ``[tag:content]`` of a kind that we don't know (RFC 5321 §4.1.3)."""
    return domain.startswith("[") and domain.endswith("]") and _TAGGED.fullmatch(domain[1:-1]) is not None


def is_domain_name(domain: str) -> bool:
    """True for a name by the grammar of RFC 5321 §4.1.2, U-labels (RFC 6531 §3.3) and one trailing dot allowed."""
    key = domain_key(domain)
    if not 0 < len(key) <= MAX_DOMAIN:
        return False
    return all(len(label) <= MAX_LABEL and _LABEL.fullmatch(label) for label in key.split("."))
