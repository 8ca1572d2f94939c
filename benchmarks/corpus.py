# SPDX-License-Identifier: Apache-2.0
"""Count what a corpus of mail is like: `python -m benchmarks.corpus CORPUS…` prints one column for each.

A CORPUS is a JSON list of messages as Latin-1 text, as `benchmarks.letters` writes it; real mail is counted the same
way, so made mail can be held against it. What repeats is counted among the first 4,000 messages, as many as the
benchmark reads: shuffle a real corpus before.

Limits: families and the usual order of clauses are as Fumidai's own reader sees them, in real and made mail alike.
"""

from __future__ import annotations

import email
import email.policy
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from email.message import Message
from ipaddress import ip_address
from itertools import pairwise
from pathlib import Path

from fumidai.received.clauses import cut
from fumidai.received.headers import blanked, header_fields
from fumidai.received.hop import Hop
from fumidai.received.read import read_head

SAMPLE = 4000
_ENCODED = re.compile(rb"=\?[\w-]+\?[bqBQ]\?")
FAMILIES = ("sendmail", "postfix", "fetchmail", "exim", "qmail", "office365", "gmail")
Figures = dict[str, float]


def count(messages: Sequence[bytes]) -> Figures:
    """The figures of a corpus: octets, numbers, and shares in percent."""
    messages = messages[:SAMPLE]
    return {**heads_and_bodies(messages), **lines([read_head(one).hops for one in messages])}


def heads_and_bodies(messages: Sequence[bytes]) -> Figures:
    """Those that need no Received line."""
    return {**_heads(messages), **_bodies(messages)}


def _heads(messages: Sequence[bytes]) -> Figures:
    heads = [_head_size(one) for one in messages]
    fields = [header_fields(one) for one in messages]
    encoded = [[value for _, value in some if _ENCODED.search(value)] for some in fields]
    return {
        **_spread("head, octets", heads),
        "head, octets, mean": _mean(heads),
        **_spread("fields", [len(some) for some in fields]),
        **_spread("body, octets", [len(one) - head for one, head in zip(messages, heads, strict=True)]),
        "body, octets, mean": _mean([len(one) - head for one, head in zip(messages, heads, strict=True)]),
        "CR LF, %": _share(b"\r\n" in one[:head] for one, head in zip(messages, heads, strict=True)),
        "with encoded words, %": _share(bool(some) for some in encoded),
        "encoded words a message": _mean([sum(len(_ENCODED.findall(value)) for value in some) for some in encoded]),
        "with a Feedback-… field, %": _share(any("eedback-" in name for name, _ in some) for some in fields),
    }


def _head_size(message: bytes) -> int:
    ends = [at for at in (message.find(b"\n\r\n"), message.find(b"\n\n")) if at >= 0]
    return min(ends, default=len(message))


def lines(chains: Sequence[Sequence[Hop]]) -> Figures:
    """Those of the Received lines, one chain for each message, the newest line first."""
    hops = [hop for chain in chains for hop in chain]
    texts = [blanked(hop.raw).strip() for hop in hops]
    cuts = [cut(text) for text in texts]
    usual = [isinstance(one, re.Match) for one in cuts]
    families = Counter(hop.family for hop in hops)
    seen = [one.groups() for one in cuts]
    addresses = [hop.client.ip for hop in hops if hop.client.ip]
    named = [hop.client for hop in hops if hop.client.helo and hop.client.rdns]
    pairs = [(newer.client, older.by) for chain in chains for newer, older in pairwise(chain) if older.by]
    figures = {
        **_spread("Received lines", [len(chain) for chain in chains]),
        "Received lines, mean": _mean([len(chain) for chain in chains]),
        **_spread("Received line, octets", [len(hop.raw) for hop in hops]),
        "lines in the usual order, %": _share(usual),
        **{f"lines of {family}, %": 100 * families[family] / len(hops) for family in FAMILIES},
        **{f"{name} not met before, %": _fresh(groups[at] for groups in seen) for name, at in _SLOTS.items()},
        "client named as the writer below, %": _share(
            by.lower() in (c.helo.lower(), c.rdns.lower()) for c, by in pairs
        ),
        "HELO is the name, %": _share(client.helo.lower() == client.rdns.lower() for client in named),
        "private client, %": _share(ip_address(one).is_private and not one.startswith(_TEST) for one in addresses),
        "dates on days not met before, %": _fresh(f"{hop.date:%Y%j}" for hop in hops if hop.date),
    }
    for least in (0, 60, 300, 3600):
        figures[f"an older line is later by over {least} s, %"] = _share(_back(chain) > least for chain in chains)
    return figures


_SLOTS = {"from": 0, "comment of from": 1, "by": 2, "comment of by": 3, "with": 4, "id": 6, "for": 8}
#: RFC 2544 and RFC 5737: made mail has its public addresses there.
_TEST = ("198.18.", "198.19.", "192.0.2.", "198.51.100.", "203.0.113.", "2001:db8:")


def _back(chain: Sequence[Hop]) -> float:
    dates = [hop.date for hop in chain if hop.date]
    return max(((older - newer).total_seconds() for newer, older in pairwise(dates)), default=0)


def _bodies(messages: Sequence[bytes]) -> Figures:
    read = [email.message_from_bytes(one, policy=email.policy.compat32) for one in messages]
    leaves = [[part for part in one.walk() if not part.is_multipart()] for one in read]
    parts = [part for some in leaves for part in some]
    encodings = Counter(str(part.get("content-transfer-encoding", "none")).strip().lower() for part in parts)
    return {
        "multipart, %": _share(one.is_multipart() for one in read),
        "parts, mean": _mean([len(some) for some in leaves]),
        "with HTML, %": _share(any(part.get_content_type() == "text/html" for part in some) for some in leaves),
        "with a named part, %": _share(any(_is_file(part) for part in some) for some in leaves),
        **{
            f"parts in {name}, %": 100 * encodings[name] / len(parts) for name in ("quoted-printable", "base64", "8bit")
        },
    }


def _is_file(part: Message) -> bool:
    return bool(part.get_filename()) or "attachment" in str(part.get("content-disposition", "")).lower()


def _spread(name: str, values: Sequence[float]) -> Figures:
    ordered = sorted(values)
    return {
        f"{name}, {label}": float(ordered[min(len(ordered) - 1, int(len(ordered) * at))])
        for label, at in (("p25", 0.25), ("median", 0.5), ("p75", 0.75))
    }


def _mean(values: Sequence[float]) -> float:
    return sum(values) / max(len(values), 1)


def _share(values: Iterable[bool]) -> float:
    return 100 * _mean([float(value) for value in values])


def _fresh(values: Iterable[str | None]) -> float:
    found = [value for value in values if value]
    return 100 * len(set(found)) / max(len(found), 1)


def rows(columns: Sequence[Figures]) -> Iterator[tuple[str, ...]]:
    """One row for each figure."""
    show: Callable[[float], str] = lambda value: f"{value:,.0f}" if value >= 100 else f"{value:.3g}"  # noqa: E731
    for name in columns[0]:
        yield (name, *(show(column[name]) for column in columns))


if __name__ == "__main__":
    found = [json.loads(Path(path).read_text("ascii")) for path in sys.argv[1:]]
    for row in rows([count([one.encode("latin-1") for one in corpus]) for corpus in found]):
        print(" | ".join((f"{row[0]:45}", *(f"{cell:>9}" for cell in row[1:]))))
