# SPDX-License-Identifier: Apache-2.0
"""The parameters by which a sender asks for delivery reports (RFC 3461): RET, ENVID, NOTIFY, ORCPT.

They are read for their form only. A server behind writes them into a report's header, so a value whose encoding hides a
control character is none.

Limits: what an address in ORCPT means is not looked at; an address type may be any name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

#: RFC 3461 §4.4 and §4.2: most characters of ENVID and of ORCPT.
_LONGEST_ENVID: Final = 100
_LONGEST_ORCPT: Final = 500
# RFC 3461 §4: xchar is printable ASCII but "+" and "="; a hexchar is "+" and two upper-case digits. Here those of
# 00-1F and 7F are left out.
_XTEXT: Final = re.compile(rb"(?:[!-*,-<>-~]|\+(?:[2-689A-F][0-9A-F]|7[0-9A-E]))+")
# RFC 3461 §4.1: NEVER stands alone.
_NOTIFY: Final = re.compile(rb"NEVER|(?:SUCCESS|FAILURE|DELAY)(?:,(?:SUCCESS|FAILURE|DELAY))*", re.IGNORECASE)
_ADDRESS_TYPE: Final = re.compile(rb"[A-Za-z0-9][A-Za-z0-9-]*")
_CONTROL: Final = re.compile(r"[\x00-\x20\x7f-\x9f+=]")


def _notify(value: bytes) -> bool:
    return _NOTIFY.fullmatch(value) is not None


def _ret(value: bytes) -> bool:
    return value.upper() in (b"FULL", b"HDRS")


def _envid(value: bytes) -> bool:
    return len(value) <= _LONGEST_ENVID and _XTEXT.fullmatch(value) is not None


def _orcpt(value: bytes) -> bool:
    kind, _, address = value.partition(b";")
    if len(value) > _LONGEST_ORCPT or _ADDRESS_TYPE.fullmatch(kind) is None:
        return False
    if kind.lower() == b"utf-8" and not address.isascii():
        return _is_unitext(address)
    return _XTEXT.fullmatch(address) is not None


def _is_unitext(address: bytes) -> bool:
    """RFC 6533 §3: where SMTPUTF8 is spoken, the address may stand there in plain UTF-8."""
    try:
        return _CONTROL.search(address.decode("utf-8")) is None
    except UnicodeDecodeError:
        return False


_RULES: Final[Mapping[str, Callable[[bytes], bool]]] = {
    "NOTIFY": _notify,
    "ORCPT": _orcpt,
    "RET": _ret,
    "ENVID": _envid,
}


def bad_parameter(params: Mapping[str, bytes]) -> str:
    """The first of the parameters whose value is none by its grammar; "" where all are right."""
    return next((name for name, value in params.items() if name in _RULES and not _RULES[name](value)), "")
