# SPDX-License-Identifier: Apache-2.0
"""A trace as an abuse report that one may read and send on: ARF (RFC 5965), its three parts.

    what happened, for people · what happened, for programs · the message, its recipients redacted

``Source-IP`` is the host that handed the message to whoever is believed: the stepping stone, else the source. Of the
sender only what the message says is told, and it may be forged; who has to read that knows.

From and To are what the caller says and stay out where he says nothing: whoever hands the report in (``sendmail -t
-i``) adds his own From, and whom to tell is a human's to find out (RFC 2142 names abuse@ and postmaster@). Message-ID
needs a domain of the sender's, so it comes and goes with From.

How it works: the report is put together as bytes and the message never passes through a library, so nothing of it is
folded, decoded or mended. Each line ends in CR LF (RFC 5322 §2.1), those of the message too: a part of type
message/rfc822 can't be encoded (RFC 2046 §5.2.1), and mail knows no other line end. All other bytes, a bare CR too,
stay as they are, and the part is labelled ``binary`` where mail can't carry them for certain.

Limits: in English, whoever reads it. The body of the message is not redacted, and whether its lines once ended in LF is
lost. Of a message that MIME's library can't read (parts inside each other by the thousand) only the head is attached,
as other programs would fail on it too.
"""

from __future__ import annotations

import email
import email.errors
import email.policy
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from email.header import Header
from email.utils import format_datetime
from hashlib import sha256
from textwrap import TextWrapper
from typing import Final

from fumidai import __version__
from fumidai.received.headers import header_fields
from fumidai.received.hop import Hop
from fumidai.received.trace import Trace
from fumidai.report.escape import raw, show
from fumidai.report.findings import finding_sentence
from fumidai.report.trace_json import Message
from fumidai.report.trace_path import believed_text, stops
from fumidai.report.trace_redact import recipients, redact
from fumidai.report.trace_text import verdict_text
from fumidai.report.voice import Voice
from fumidai.report.width import wrap
from fumidai.smtp.literal import is_domain_name

#: Findings that the verdict says already, or that tell our own user what to do.
_OURS: Final = frozenset({"stepping-stone", "relay-address-masked", "border-inferred", "address-offered"})
# RFC 5322 §2.1.1: lines are to have at most 78 characters.
_WIDTH: Final = 76
# RFC 5322 §2.1.1 and RFC 2045 §2.8: lines must have at most 998 octets, or mail may break them.
_LINE_AT_MOST: Final = 998
#: So many characters of the message's subject.
_SUBJECT_AT_MOST: Final = 300
# RFC 5321 §4.5.3.1.3: a path has at most 256 octets.
_PATH_AT_MOST: Final = 256
_END: Final = b"\r\n"
#: How MIME's library says that it can't read something.
_BROKEN: Final = (email.errors.MessageError, UnicodeError, LookupError, ValueError, TypeError, RecursionError)


def render_arf(
    message: Message, original: bytes, *, now: datetime, key: bytes, sender: str = "", to: str = ""
) -> bytes:
    """One report, each line ended by CR LF.

    Args:
        original: the message's bytes.
        now: when it is written, aware. key: secret, for the tokens of recipients.
        sender, to: plain ASCII mail addresses for From and To; "" leaves the field out.
    """
    shown = _mail_lines(redact(_without_mbox_line(original), key))
    # Nobody who doesn't know the key can write a line that ends a part, or a Message-ID that is ours.
    boundary = "fumidai-" + _digest(b"boundary", key, original)
    parts = (_for_people(message), _for_programs(message, recipients(original), key))
    head = [*_head(message.trace, shown, now, sender, to, _digest(b"id" + now.isoformat().encode(), key, original))]
    report = _put_together(head, boundary, *parts, _part("message/rfc822", shown))
    if _can_be_read(report):
        return report
    only_head = shown[: shown.find(_END * 2) + len(_END)] if _END * 2 in shown else shown
    return _put_together(head, boundary, *parts, _part("text/rfc822-headers", only_head))


def _head(trace: Trace, shown: bytes, now: datetime, sender: str, to: str, unique: str) -> Iterator[str]:
    """The fields of RFC 5322 §3.6 as far as they are known."""
    yield f"Date: {format_datetime(now)}"
    if sender:
        yield f"From: {sender}"
    if to:
        yield f"To: {to}"
    subject = next((value for name, value in header_fields(shown) if name.lower() == "subject" and value), b"")
    yield _subject(subject.replace(b"\t", b" ") or f"spam from {_culprit(trace)}")
    if sender:
        yield f"Message-ID: <{unique}@{sender.rpartition('@')[2]}>"
    yield "MIME-Version: 1.0"


def _subject(text: bytes | str) -> str:
    """The message's own subject after a mark of forwarding (RFC 5965 §2), redacted with the rest of its head."""
    shown = show(text, limit=_SUBJECT_AT_MOST)
    if not shown.isascii():
        return "Subject: " + Header(f"FW: {shown}", "utf-8", header_name="Subject").encode(linesep="\r\n")
    # A word that is longer than a line stays whole: where a field is folded, a blank is read.
    folded = TextWrapper(_WIDTH, subsequent_indent=" ", break_long_words=False, break_on_hyphens=False)
    return "\r\n".join(folded.wrap(f"Subject: FW: {shown}"))


def _put_together(head: Iterable[str], boundary: str, *parts: tuple[bytes, bytes]) -> bytes:
    """The whole: a composite's label is that of its most demanding part (RFC 2045 §6.4)."""
    labels = {label for label, _ in parts}
    label = next((one for one in (b"binary", b"8bit") if one in labels), b"7bit")
    fields = [
        *(line.encode("ascii") for line in head),
        b'Content-Type: multipart/report; report-type=feedback-report;\r\n boundary="%s"' % boundary.encode(),
        b"Content-Transfer-Encoding: " + label,
        b"",
    ]
    delimiter = b"--" + boundary.encode()
    body = b"".join(delimiter + _END + part + _END for _, part in parts)
    return b"".join(field + _END for field in fields) + body + delimiter + b"--" + _END


def _part(kind: str, content: bytes) -> tuple[bytes, bytes]:
    """A part under its label; the line end behind it belongs to what follows (RFC 2046 §5.1.1)."""
    label = _label(content)
    head = b"Content-Type: " + kind.encode() + _END + b"Content-Transfer-Encoding: " + label + _END
    return label, head + _END + content


def _label(content: bytes) -> bytes:
    """How much of a transport the bytes ask for (RFC 2045 §2.7 to §2.9)."""
    lines = content.split(_END)
    if b"\0" in content or any(len(line) > _LINE_AT_MOST or b"\r" in line for line in lines):
        return b"binary"
    return b"7bit" if content.isascii() else b"8bit"


def _mail_lines(message: bytes) -> bytes:
    """Every line ended by CR LF; a CR that ends none stays."""
    return re.sub(rb"(?<!\r)\n", _END, message)


def _without_mbox_line(message: bytes) -> bytes:
    """A mailbox's line before a message is none of its fields."""
    return message.partition(b"\n")[2] if message.startswith(b"From ") else message


def _can_be_read(report: bytes) -> bool:
    """Python's library reads it; thousands of parts inside each other are too much for it, and for others."""
    try:
        return email.message_from_bytes(report, policy=email.policy.compat32).is_multipart()
    except _BROKEN:
        return False


def _digest(purpose: bytes, key: bytes, original: bytes) -> str:
    return sha256(purpose + key + original).hexdigest()[:32]


def _culprit(trace: Trace) -> str:
    """Who handed it over, as plain ASCII."""
    relay, source = trace.relay, trace.source
    if relay is not None:
        text = " ".join(part for part in (relay.name, f"[{relay.ip}]" if relay.ip else "") if part)
    else:
        text = source.ip or source.rdns or source.helo if source is not None else ""
    return show(raw(text), encodable=str.isascii, limit=200) or "an unknown host"


def _for_people(message: Message) -> tuple[bytes, bytes]:
    voice = Voice("en", encodable=str.isascii)
    trace = message.trace
    lines = wrap(verdict_text(trace, voice), _WIDTH)
    lines.append("")
    for stop in stops(trace, voice):
        indent = "  " * min(stop.depth + 1, 10)
        told = "  ".join(part for part in (stop.host, stop.software, stop.time, stop.delay) if part)
        lines += wrap(told, _WIDTH, first=indent, rest=indent + "  ")
        believed = believed_text(stop, voice)
        lines += wrap(believed, _WIDTH, first=indent + "    ", rest=indent + "    ") if believed else []
    lines.append("")
    for finding in trace.findings:
        if finding.id not in _OURS:
            lines += wrap(finding_sentence(finding, voice), _WIDTH, rest="  ")
    lines += wrap(
        "The message is attached. In its head the local parts of its recipients are replaced by tokens, and the names "
        "beside them taken out; its body is as it was.",
        _WIDTH,
    )
    return _part("text/plain; charset=us-ascii", b"".join(line.rstrip().encode("ascii") + _END for line in lines))


def _for_programs(message: Message, hidden: set[bytes], key: bytes) -> tuple[bytes, bytes]:
    fields = (f"{name}: {value}" for name, value in _fields(message, hidden, key))
    return _part("message/feedback-report", b"".join(field.encode("ascii") + _END for field in fields))


def _fields(message: Message, hidden: set[bytes], key: bytes) -> Iterator[tuple[str, str]]:
    """The fields of RFC 5965 §3: those it requires (§3.1), then those that are known (§3.2)."""
    yield "Feedback-Type", "abuse"
    yield "User-Agent", f"Fumidai/{__version__}"
    yield "Version", "1"
    trace = message.trace
    border = trace.hops[trace.border_hop].hop if trace.border_hop is not None else Hop()
    address = trace.relay.ip if trace.relay is not None else border.client.ip
    if address:
        yield "Source-IP", address
    name = trace.relay.name if trace.relay is not None else border.client.rdns
    if name.isascii() and is_domain_name(name):
        yield "Reported-Domain", name
    if border.date is not None:
        yield "Arrival-Date", format_datetime(border.date)
    sender = _redacted_sender(message, border, hidden, key)
    if sender:
        yield "Original-Mail-From", sender


def _redacted_sender(message: Message, border: Hop, hidden: set[bytes], key: bytes) -> str:
    """The envelope's sender; a recipient that it carries inside (VERP) is redacted."""
    path = message.headers.get("return-path")
    sender = border.envelope_from or (path.text.strip(" <>") if path is not None else "")
    if not sender or len(sender) > _PATH_AT_MOST or not sender.isascii() or not sender.isprintable() or " " in sender:
        return ""
    known = b"".join(b"To: %s\n" % address for address in sorted(hidden))
    return redact(b"X-From: " + sender.encode() + b"\n" + known, key).split(b"\n", 1)[0][8:].decode()
