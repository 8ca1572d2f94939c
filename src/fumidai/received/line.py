# SPDX-License-Identifier: Apache-2.0
"""One Received line made a hop.

``clauses`` cuts the line, ``remarks`` reads its comments, ``families`` tells whose wording it is; here they come
together. HELO, name and address of the client change places with the software that wrote the line. Postfix, sendmail,
OpenSMTPD, Haraka, Gmail and Courier write ``HELO (ident@name [address])``; Exim ``name ([address] helo=HELO
ident=user)`` or ``[address] (helo=HELO)``; qmail ``name (HELO HELO) (ident@address)``; James ``name (EHLO HELO)
([address])``; ZMailer ``name ([address]:port "EHLO HELO")``; Exchange and its SMTPSVC ``HELO (address)`` and ``HELO
([address])``; smap ``name(address)``. qmail and Exim leave out a HELO that equals the name.

Limits: a client may write brackets into its HELO; then parts may be taken for each other, as they may be by everybody.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from fumidai.received.address import inside, is_masked, read_address
from fumidai.received.clauses import cut
from fumidai.received.date import read_date, read_usual_date
from fumidai.received.families import NOBODY, Software, by_host, by_protocol, by_queue_id
from fumidai.received.headers import words
from fumidai.received.hop import Client, Hop, Kind, Span
from fumidai.received.remarks import NONE, NOTHING, Remarks, as_name, read_remarks

# RFC 3848 §2, RFC 6531 §4.3: the A says that the client had logged in. ASMTP is an older word of Exim and others.
_AUTH: Final = frozenset(
    ["ESMTPA", "ESMTPSA", "LMTPA", "LMTPSA", "UTF8SMTPA", "UTF8SMTPSA", "UTF8LMTPA", "UTF8LMTPSA", "ASMTP"]
)
_LOCAL: Final = frozenset({"local", "Unknown"})
# Exim's words for what local users hand in, and a scanner that hands on.
_LOCAL_KINDS: Final = ("local-", "qmail-scanner")
_FETCHERS: Final = frozenset({"fetchmail", "getmail"})
_LEAVES_OUT: Final = frozenset({"qmail", "exim"})
_QMAIL: Final = Software("qmail", "qmail")
#: Words behind the first one of ``from`` among which its address may stand bare.
ADDRESS_WITHIN: Final = 5
_DATE_AT_MOST: Final = 90
_KEEP_AT_MOST: Final = 120


def read_line(text: str, raw: bytes, span: Span) -> Hop:
    """The hop that a line says.

    Args:
        text: the line, one letter a byte, line ends as blanks; raw, span: as in ``Hop``.
    """
    (
        from_, from_said, by, by_said, with_, with_said, id_, id_said, for_, for_said,
        date, day, month, year, clock, zone, date_said, sender,
    ) = cut(text).groups()  # fmt: skip
    if by is None and (from_ is None or date is None):
        return _note(text, date, with_, raw, span)
    client = read_remarks(from_said) if from_said else NOTHING
    spoken = _spoken(with_) if with_ else _SILENT
    software, auth = NOBODY, client.auth
    sender = sender.strip("<>,") if sender else client.envelope_from
    writer = read_remarks(by_said) if by_said else NOTHING
    if writer is not NOTHING:
        software = writer.software
        auth = auth or writer.auth
        sender = sender or writer.envelope_from
    for remarks in (with_said, id_said, for_said, date_said):
        if remarks and (said := read_remarks(remarks)) is not NOTHING:
            software = software if software.family else said.software
            auth = auth or said.auth
            sender = sender or said.envelope_from
    if not software.family and client.software.family:
        software = client.software
    elif not software.family:
        software = _unmarked(by, spoken, with_said, id_, date)
    family = software.family
    kind = Kind.FETCH if spoken.fetch or family in _FETCHERS else Kind.TRANSFER
    if _is_local(from_, client, spoken):
        kind = Kind.LOCAL if kind is Kind.TRANSFER else kind
    if day and month and year and clock and zone:
        when = read_usual_date(day, month, year, clock, zone)
    else:
        when = read_date(date if date is not None else text[-_DATE_AT_MOST:])
    return Hop(
        kind,
        _user(from_, from_said, family) if kind is Kind.LOCAL else _client(from_, client, family),
        by.strip("<>,") if by else "",
        writer.address,
        spoken.protocol,
        id_.strip("<>,") if id_ else "",
        # SurgeMail's "for multiple" names nobody.
        for_.strip("<>,") if for_ and for_ != "multiple" else "",
        _scanned(from_) if not sender and family == "qmail-scanner" else sender,
        auth or spoken.login,
        when,
        *software,
        raw,
        span,
    )


class _Spoken(NamedTuple):
    """What a protocol says: its words with single blanks, whose it is, and whether the client had logged in."""

    protocol: str = ""
    software: Software = NOBODY
    login: str = ""
    local: bool = False
    fetch: bool = False


_SILENT: Final = _Spoken()


def _spoken(protocol: str) -> _Spoken:
    return _kept_spoken(protocol) if len(protocol) <= _KEEP_AT_MOST else _read_spoken(protocol)


def _read_spoken(spoken: str) -> _Spoken:
    protocol = " ".join(words(spoken))
    last = protocol.rpartition(" ")[2]
    login = last if last.upper() in _AUTH else ""
    fetch = protocol.lower().startswith(("pop3", "imap"))
    local = protocol in _LOCAL or protocol.startswith(_LOCAL_KINDS)
    return _Spoken(protocol, by_protocol(protocol), login, local, fetch)


def _is_local(from_: str | None, client: Remarks, spoken: _Spoken) -> bool:
    """Handed in on the host itself: nobody is named, or a user, or the host itself.

    A line that says "local" and names somebody's address tells of a step all the same (so did spammers forge them). A
    batch of SMTP is a user's (Exim) where it names no host (UUCP, BITNET).
    """
    if from_ is None and not (client.address or client.masked):
        return True
    if spoken.local:
        address = client.address or read_address(first_word(from_ or ""))
        return not address or inside(address) or spoken.software.family == "qmail-scanner"
    return from_ == "mail pickup service" or (spoken.protocol in {"bsmtp", "BSMTP"} and "." not in (from_ or ""))


_kept_spoken = lru_cache(maxsize=2048)(_read_spoken)


def _note(text: str, date: str | None, with_: str | None, raw: bytes, span: Span) -> Hop:
    """A line that names no host: "(qmail 17970 invoked by uid 407); 16 Oct 2000 08:54:41 -0000", or an unknown form."""
    when = read_date(date) if date is not None else None
    if when is None or (text[:1] != "(" and with_ is None):
        return Hop(raw=raw, span=span)
    kind = Kind.NOTE if text[:1] == "(" else Kind.LOCAL
    software = _QMAIL if text.startswith("(qmail ") else by_protocol(with_) if with_ else NOBODY
    return Hop(
        kind,
        with_=" ".join(words(with_)) if with_ else "",
        date=when,
        family=software.family,
        software=software.software,
        raw=raw,
        span=span,
    )


def _unmarked(by: str | None, spoken: _Spoken, with_said: str | None, id_: str | None, date: str | None) -> Software:
    """Whose line it is that bears no mark: by the protocol, the writer's name, its queue id, or qmail's zone."""
    named = spoken.software
    if named.family not in {"", "exchange"}:
        return _numbered(named, with_said or "")
    host = by_host(by) if by else NOBODY
    if named.family or host.family == "office365":
        version = id_ if id_ and id_.replace(".", "").isdigit() else ""
        return Software(host.family or named.family, host.software or named.software, version)
    if host.family:
        return host
    if id_:
        return by_queue_id(id_.strip("<>,"))
    # qmail has no mark and no queue id, but always this zone; getmail has it too.
    return _QMAIL if date is not None and date.endswith("-0000") and not spoken.fetch else NOBODY


def _numbered(software: Software, remarks: str) -> Software:
    """The version stands in the comment after the protocol: ``Microsoft SMTPSVC(6.0.3790.4675)``."""
    number = remarks.strip("()").removeprefix("V")
    return software._replace(version=number) if number.replace(".", "").isdigit() else software


def _user(from_: str | None, remarks: str | None, family: str) -> Client:
    """The local user who sent it: Exim's ``from joe by host with local``, sendmail's ``(from joe@localhost)``.

    qmail-scanner gives the client's address, or only the sender in the envelope.
    """
    address = read_address(from_) if from_ else ""
    if address or family == "qmail-scanner":
        return Client(ip=address)
    if remarks is not None and remarks.startswith("(from "):
        return Client(ident=remarks[6:].strip(" )"))
    return Client(ident=from_) if from_ and " " not in from_ else Client()


def _scanned(from_: str | None) -> str:
    """The sender in the envelope, where qmail-scanner names it."""
    word = first_word(from_ or "")
    return word if "@" in word else ""


def _client(from_: str | None, said: Remarks, family: str) -> Client:
    """The client, of the words after ``from`` and what the comments say."""
    first = first_word(from_) if from_ else ""
    helo, rdns = said.helo, said.rdns
    if not said.address and not said.masked:
        address = read_address(first)
        if address or is_masked(first):
            return Client(helo or "", "", address, said.ident, "" if address else first)
        if from_ is not None and len(first) < len(from_):
            address = next(filter(None, map(read_address, words(from_[len(first) :])[:ADDRESS_WITHIN])), "")
        return Client(first if helo is None else helo, "" if helo is None else _name(first), address, said.ident)
    if helo is None and not said.at:
        if not rdns and family in _LEAVES_OUT:
            rdns = _name(first)
        return Client(first, rdns, said.address, said.ident, said.masked)
    return Client(first if helo is None else helo, _name(first), said.address, said.ident, said.masked)


def first_word(text: str) -> str:
    """The first of some words; one in quotes is one word."""
    if " " not in text:
        return text
    if text.startswith('"') and (close := text.find('"', 1)) > 0:
        return text[: close + 1]
    return text.partition(" ")[0]


def _name(word: str) -> str:
    """A word as a host's name; "" for ``unknown`` and addresses."""
    place = as_name(word, 0, len(word))
    return word[slice(*place)] if place is not NONE else ""
