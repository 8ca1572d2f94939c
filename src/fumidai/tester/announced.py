# SPDX-License-Identifier: Apache-2.0
"""What a server says of itself and of us: the host name it announces, the address that it believes we come from.

Limits: names and addresses are taken as they are said; whether they are true is asked elsewhere.
"""

from __future__ import annotations

from fumidai.dialects.echo import echoed_address
from fumidai.judge.record import Record
from fumidai.smtp.reply import Reply


def hear_address(record: Record, text: str) -> None:
    """Keep the address that a reply says we come from, each once, in order."""
    seen = echoed_address(text)
    if seen and seen not in record.seen_addresses:
        record.seen_addresses.append(seen)


def announced_name(greeting: Reply | None, hello: Reply | None) -> str:
    """The host name a server calls itself: first word of the EHLO reply, else of the greeting; "" if none.

    RFC 5321 §4.2 has the domain as first word of both.
    """
    for reply in (hello, greeting):
        words = reply.lines[0].decode("latin-1").split() if reply and reply.lines else []
        if words and _is_host_name(words[0]):
            return words[0].rstrip(".").lower()
    return ""


def _is_host_name(word: str) -> bool:
    labels = word.rstrip(".").split(".")
    if len(labels) < 2 or len(word) > 253 or labels[-1].isdigit():
        return False
    return all(label and label.isascii() and label.replace("-", "a").replace("_", "a").isalnum() for label in labels)
