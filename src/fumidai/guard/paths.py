# SPDX-License-Identifier: Apache-2.0
"""Paths of MAIL and RCPT as the guard hands them on and shows them, and what is wrong with a sender by its form.

Limits: what a path means is ``smtp.address``'s and ``smtp.readings``' to say.
"""

from __future__ import annotations

from collections.abc import Mapping

from fumidai.policy.case import path_of
from fumidai.smtp.address import Malformed


def bracketed(path: bytes) -> bytes:
    """The path as the backend gets it: in brackets, so that both read the same."""
    return path if path.startswith(b"<") else b"<" + path + b">"


def readable(path: bytes) -> str:
    """A path for the log, in brackets; what is not UTF-8 is escaped."""
    return bracketed(path).decode("utf-8", "backslashreplace")


def objection(path: bytes, params: Mapping[str, bytes]) -> tuple[int, str, str] | None:
    """What is wrong with a sender, whatever the policy says: code, text, enhanced code."""
    if not path.isascii() and "SMTPUTF8" not in params:
        # RFC 6531 §3.5
        return 553, "Address needs SMTPUTF8", "5.6.7"
    if isinstance(path_of(bracketed(path)), Malformed):
        return 501, "Bad sender address syntax", "5.1.7"
    if params.get("BODY", b"7BIT").upper() not in (b"7BIT", b"8BITMIME"):
        # RFC 3030 §3: BINARYMIME has to be announced, and is not.
        return 501, "BODY is 7BIT or 8BITMIME", "5.5.4"
    return None
