# SPDX-License-Identifier: Apache-2.0
"""For every row the fault of a server on which it succeeds.

The faults are behaviours that were seen on real servers or follow from the row's text: a reading that the check
does not make and the delivery does, a sender that is believed, state that outlives its transaction.

Limits: one fault a server; real servers have several.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from fumidai.battery.row import RelayTest
from tests.battery.scripted import DOMAIN, OWN, Fault, Talk, inner, loosely

Reading = Callable[[bytes], bytes | None]
Turn = Callable[[bytes], bytes | None]

# -- second readings: turns that a delivery makes in a local part ---------------------------------------------------


def percent(local: bytes) -> bytes | None:
    """user%host is user@host; applied again and again."""
    user, mark, host = local.rpartition(b"%")
    return user + b"@" + host if mark else None


def bang(local: bytes) -> bytes | None:
    """host!user is user@host; a host of ours is dropped."""
    host, mark, rest = local.rstrip(b"!").partition(b"!")
    if not mark:
        return None
    return rest if host.lower() in OWN else rest + b"@" + host


def decnet(local: bytes) -> bytes | None:
    """host::user is user@host."""
    host, mark, user = local.partition(b"::")
    return user + b"@" + host if mark else None


def colon(local: bytes) -> bytes | None:
    """host:user is user@host."""
    host, mark, user = local.partition(b":")
    return user + b"@" + host if mark else None


def at(local: bytes) -> bytes | None:
    """A local part that is an address is that address."""
    return local if b"@" in local else None


def unquote(local: bytes) -> bytes | None:
    """Quotes and backslashes come off."""
    if len(local) < 2 or local[:1] + local[-1:] != b'""':
        return None
    return local[1:-1].replace(b"\\", b"")


def unwrap(pattern: bytes) -> Turn:
    """A local part of a known form holds user and host; ``+40`` and the like are characters."""

    def turn(local: bytes) -> bytes | None:
        plain = re.sub(rb"\+([0-9A-F]{2})", lambda match: bytes.fromhex(match[1].decode()), local)
        match = re.fullmatch(pattern, plain)
        return match["user"] + b"@" + match["host"] if match else None

    return turn


def reading(*turns: Turn, before: Callable[[bytes], bytes] = bytes, own: frozenset[bytes] = OWN) -> Reading:
    """Drop our own domain, turn the local part, look again; a foreign mailbox that is only found so is the reading."""

    def read(line: bytes) -> bytes | None:
        original = inner(line)
        text = before(original)
        changed = text != original
        while True:
            local, mark, domain = (text, b"", b"") if text.endswith(b'"') else text.rpartition(b"@")
            if domain.lower().removesuffix(b".uucp") not in own and mark and domain:
                return text if changed else None
            turned = next((t for turn in turns if (t := turn(local if mark else text)) not in (None, text)), None)
            if turned is None:
                return None
            text, changed = turned, True

    return read


def route(text: bytes) -> bytes:
    """A source route whose first hop is ours, or nobody, is dropped."""
    match = re.fullmatch(rb"<?@([^,:>]*)(?:,[^:]*)?[:>](.*)", text)
    return match[2] if match and (match[1].lower() in OWN or not match[1]) else text


def follow_route(line: bytes) -> bytes | None:
    """A source route is followed: the message goes to its first hop, wherever the mailbox is."""
    match = re.fullmatch(rb"@([^,:>]*):(.*)", inner(line))
    return b"routed-" + match[2].replace(b"@", b"-") + b"@" + match[1] if match else None


def pieces(separator: bytes, *, quoted: bool = False) -> Reading:
    """A list of addresses: one of ours lets the foreign one pass."""

    def read(line: bytes) -> bytes | None:
        text = inner(line)
        if quoted:
            text = text.rpartition(b"@")[0].strip(b'"')
        found = [part.strip() for part in text.split(separator)]
        foreign = [part for part in found if part.rpartition(b"@")[2].lower() not in OWN]
        return foreign[-1] if len(found) > 1 and foreign else None

    return read


def before_mark(mark: bytes) -> Reading:
    """The check sees the whole path, the delivery stops at a byte."""

    def read(line: bytes) -> bytes | None:
        head, found, tail = inner(line).partition(mark)
        return head if found and tail.rpartition(b"@")[2].lower() in OWN else None

    return read


def behind_mark(mark: bytes) -> Reading:
    """The check stops at a byte, the delivery sees the rest as well."""

    def read(line: bytes) -> bytes | None:
        head, found, tail = inner(line).partition(mark)
        return head + tail if found and head.rpartition(b"@")[2].lower() in OWN else None

    return read


def unless_strict(pattern: bytes) -> Reading:
    """The check looks at lines of one form only; the delivery finds the mailbox in any line."""

    def read(line: bytes) -> bytes | None:
        return None if re.fullmatch(pattern, line) else loosely(line)

    return read


def folded(*turns: Turn) -> Reading:
    """NFKC after the check."""

    def before(text: bytes) -> bytes:
        return unicodedata.normalize("NFKC", text.decode("utf-8", "replace")).replace("\u3002", ".").encode()

    return reading(*turns, before=before)


def overlong(text: bytes) -> bytes:
    """A decoder that takes C1 80 for an at sign."""
    return text.replace(b"\xc1\x80", b"@")


def not_ascii(line: bytes) -> bytes | None:
    """What is not ASCII is not looked up in the list of foreign domains."""
    return inner(line) if not line.isascii() else None


def a_label(line: bytes) -> bytes | None:
    """A-labels are not looked up in the list of foreign domains."""
    return inner(line) if b"xn--" in line.lower() else None


def literals(line: bytes) -> bytes | None:
    """Recipients at an address are not looked at: brackets, quads and numbers."""
    user, _, host = inner(line).rpartition(b"@")
    number = re.fullmatch(rb"\[.+|#?[0-9]+|0x[0-9a-f]+|[0-9.]+", host)
    return user + b"@sink-at-address" if number and host.lower() not in OWN else None


def first_at(line: bytes) -> bytes | None:
    """The check cuts at the first at sign, the delivery at the last."""
    parts = inner(line).split(b"@")
    return inner(line) if len(parts) == 3 and parts[1].lower() in OWN else None


def first_path(line: bytes) -> bytes | None:
    """The check looks at the end of the line, the delivery takes the first path in brackets."""
    match = re.search(rb"<([^<>]*)>", line)
    ours = line.rstrip(b">").rpartition(b"@")[2].lower() in OWN
    return match[1] if match and ours and b">" in line[:-1] else None


def quoted_passes(line: bytes) -> bytes | None:
    """A quoted local part is not understood, so the check looks away."""
    return inner(line) if inner(line).startswith(b'"') else None


def capitals(line: bytes) -> bytes | None:
    """Foreign domains are listed in small letters and compared as they stand."""
    domain = inner(line).rpartition(b"@")[2]
    return inner(line) if domain.isupper() and domain.lower() not in OWN else None


def below(suffix: bytes) -> Reading:
    """A pattern that compares the end of the domain."""
    return lambda line: (
        inner(line)
        if inner(line).lower().endswith(suffix) and inner(line).lower()[-len(suffix) - 1 :] != b"@" + suffix
        else None
    )


# -- permission that somebody has by what he says ------------------------------------------------------------------


def sender(pattern: bytes) -> Fault:
    """A server that relays for senders of one form."""
    return Fault(trusts=lambda talk: re.fullmatch(pattern, talk.mail or b"", re.IGNORECASE) is not None)


def sender_exactly(pattern: bytes) -> Fault:
    """The same, capitals and small letters being two things."""
    return Fault(trusts=lambda talk: re.fullmatch(pattern, talk.mail or b"") is not None)


def helo(pattern: bytes) -> Fault:
    """A server that relays for clients of one name."""
    return Fault(trusts=lambda talk: re.fullmatch(pattern, talk.helo or b"", re.IGNORECASE) is not None)


def reads(read: Reading) -> Fault:
    """A server with a second reading."""
    return Fault(reads=read)


def accepts(pattern: bytes) -> Fault:
    """A server that takes recipients of one form for its own."""
    return Fault(accepts=lambda line: re.fullmatch(pattern, inner(line), re.IGNORECASE | re.DOTALL) is not None)


def remembers(*events: str, once: Callable[[Talk], bool] = lambda talk: bool(talk.taken)) -> Fault:
    """A server on which a local recipient buys a permission that outlives some events."""
    return Fault(bless=once, survives=frozenset(events))


RELAYS_ALL = Fault(trusts=lambda talk: True)
D = re.escape(DOMAIN)
STRICT_LINE = rb"RCPT TO:<[A-Za-z0-9][A-Za-z0-9.]{0,63}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*>"
ROUTES = reading(unquote, percent, at, before=route)

FAMILIES: dict[str, Fault] = {
    "percent-hack": reads(reading(percent, at)),
    "multi-at": reads(reading(at)),
    "quoted-local": reads(reading(unquote, at)),
    "source-route": reads(ROUTES),
    "bang-and-legacy": reads(reading(bang)),
    "domain-literal": reads(literals),
    "lexical": reads(unless_strict(STRICT_LINE)),
    "unicode": reads(folded(at, percent, bang)),
}

ROWS: dict[str, Fault] = {
    "plain-foreign": RELAYS_ALL,
    "plain-self": Fault(trusts=lambda talk: talk.line == b"RCPT TO:" + (talk.mail or b"")),
    "sender-random-sub": sender(rb"<x@[^.@]+\.proof\.example>"),
    # who claims to be whom
    "sender-localhost": sender(rb"<.*@localhost>"),
    "sender-localhost-root": sender(rb"<root@localhost>"),
    "sender-loopback-literal": sender(rb"<.*@\[127\.0\.0\.1\]>"),
    "sender-loopback-literal6": sender(rb"<.*@\[IPv6:::1\]>"),
    "sender-unqualified": sender(rb"<[^@]+>"),
    "sender-null": sender(rb"<>"),
    "sender-empty-noangle": sender(rb""),
    "sender-hostname": sender(rb"<[^@:]*@gate\.corp\.target\.example>"),
    "sender-ptr": sender(rb"<[^@:]*@host25\.corp\.target\.example>"),
    "sender-ip-literal": sender(rb"<.*@\[192\.0\.2\.25\]>"),
    "sender-bare-ip": sender(rb"<.*@192\.0\.2\.25>"),
    "sender-inaddr-arpa": sender(rb"<.*\.in-addr\.arpa>"),
    "sender-domain-random": sender(rb"<[^@=%]*@" + D + rb">"),
    "sender-domain-real": sender(rb"<user@" + D + rb">"),
    "sender-postmaster": sender(rb"<postmaster@gate\." + D + rb">"),
    "sender-postmaster-domain": sender(rb"<postmaster@" + D + rb">"),
    "sender-mailer-daemon": sender(rb"<mailer-daemon@.*>"),
    "sender-root-abuse": sender(rb"<(root|abuse)@" + D + rb">"),
    "sender-root-abuse-abuse": sender(rb"<(root|abuse)@" + D + rb">"),
    "sender-subdomain": sender(rb"<.*@[^@.]+\." + D + rb">"),
    "sender-suffix": sender(rb"<.*@[^@.]+" + D + rb">"),
    "sender-case": sender_exactly(rb"<.*@[A-Z.]+>"),
    "sender-percent-local": sender(rb"<.*%.*@" + D + rb">"),
    "sender-source-route": sender(rb"<@gate\." + D + rb":.*>"),
    "sender-srs": sender(rb"<SRS0=.*@" + D + rb">"),
    "sender-bare-address": reads(lambda line: inner(line) if b"<" not in line else None),
    # routes in local parts
    "pct-quoted-nodomain": reads(reading(unquote, percent)),
    "pct-quoted-domain": reads(reading(unquote, percent)),
    "pct-escaped": reads(reading(percent, before=lambda text: text.replace(b"\\", b""))),
    "pct-encoded": reads(reading(percent, before=lambda text: text.replace(b"%25", b"%"))),
    "pct-encoded-qp": reads(reading(percent, before=lambda text: text.replace(b"=25", b"%"))),
    "at-trailing-null": reads(reading(at, before=lambda text: text, own=OWN | {b""})),
    "at-leading": reads(
        lambda line: inner(line)[1:] if inner(line).startswith(b"@") and b":" not in inner(line) else None
    ),
    "at-only": accepts(rb"[^@]+@"),
    "at-local-first": reads(first_at),
    "at-space-at": reads(reading(at, before=lambda text: text.replace(b" ", b""))),
    "at-comma-list": reads(pieces(b",")),
    "q-space": reads(reading(unquote, at, before=lambda text: text.replace(b" ", b""))),
    "q-comma-inject": reads(pieces(b",", quoted=True)),
    "q-local-only": reads(quoted_passes),
    "q-empty-local": reads(quoted_passes),
    "q-partial": reads(reading(at)),
    "q-escaped-at": reads(reading(at, before=lambda text: text.replace(b"\\", b""))),
    "q-escaped-quote": reads(
        reading(unquote, at, before=lambda text: text.replace(b'"\\"', b'"').replace(b'\\""', b'"'))
    ),
    "q-bang-inside": reads(reading(unquote, bang)),
    "q-percent-inside": reads(reading(unquote, percent)),
    "q-route-inside": reads(reading(lambda local: route(unquote(local) or b"") or None, at)),
    "q-angle-inside": reads(reading(lambda local: (unquote(local) or b"").strip(b"<>") or None, at)),
    "q-crlf-inside": reads(first_path),
    "sr-two-hops": reads(ROUTES),
    "sr-foreign-first": reads(follow_route),
    # older networks
    "decnet": reads(reading(decnet)),
    "decnet-local": reads(reading(decnet)),
    "bitnet-pseudo": reads(reading(percent, before=lambda text: re.sub(rb"(?i)\.bitnet", b"", text))),
    "colon-host": reads(reading(colon)),
    "x400-slash": reads(reading(lambda local: b"x400@gateway" if local.startswith(b"/G=") else None)),
    "dda-rfc822": reads(reading(unwrap(rb"/DD\.RFC-822=(?P<user>[^(]+)\(a\)(?P<host>[^/]+)/"))),
    "fax-gateway": accepts(rb"FAX=.*"),
    "pipe-local": accepts(rb"\|.*"),
    "lit-self": accepts(rb"postmaster@\[192\.0\.2\.25\]"),
    "lit-self-pct": reads(reading(percent)),
    # wrapped
    **dict.fromkeys(
        ("imcea-smtp", "imcea-ip", "imcea-host", "imcea-notes", "imcea-invalid"),
        reads(reading(unwrap(rb"IMCEA[A-Z]+-(?P<user>[^@]+)@(?P<host>.+)"))),
    ),
    "imcea-ex": reads(reading(unwrap(rb"IMCEAEX-.*_CN=(?P<user>[^@]+)@(?P<host>.+)"))),
    "imcea-x400": reads(reading(unwrap(rb"IMCEAX400-.*rfc-822=(?P<user>[^(]+)\(a\)(?P<host>[^;]+);"))),
    "srs0-rewrite": reads(reading(unwrap(rb"SRS0=[^=]+=[^=]+=(?P<host>[^=]+)=(?P<user>.+)"))),
    "srs1-rewrite": reads(reading(unwrap(rb"SRS1=[^=]+=[^=]+==[^=]+=[^=]+=(?P<host>[^=]+)=(?P<user>.+)"))),
    "batv-prvs": reads(lambda line: inner(line).split(b"=", 2)[-1] if inner(line).startswith(b"prvs=") else None),
    "verp-like": reads(reading(unwrap(rb"bounce\+(?P<user>[^=]+)=(?P<host>.+)"))),
    "plus-detail": reads(reading(unwrap(rb"user\+(?P<user>[^=]+)=(?P<host>.+)"))),
    "reply-token": reads(reading(unwrap(rb"reply\+(?P<user>[^=]+)=(?P<host>.+)"))),
    "relay-alias-convention": reads(reading(unwrap(rb"(?P<user>[^_]+)_(?P<host>.+)"))),
    "relay-alias-convention-equals": reads(reading(unwrap(rb"(?P<user>[^=+]+)=(?P<host>.+)"))),
    "relay-alias-convention-at": reads(reading(unwrap(rb"(?P<user>[^.]+)\.at\.(?P<host>.+)"))),
    # spelling
    "lex-trailing-dot-local": accepts(rb".*@" + D + rb"\."),
    "lex-leading-dot": accepts(rb".*@\." + D),
    "lex-case": reads(capitals),
    "lex-two-angles": reads(unless_strict(rb"RCPT TO:<[^<>]*>")),
    "lex-semicolon": reads(pieces(b";")),
    "lex-nul": reads(before_mark(b"\0")),
    "lex-nul-suffix": reads(behind_mark(b"\0.")),
    "lex-cr": reads(before_mark(b"\r")),
    "lex-long-domain": reads(lambda line: inner(line) if len(inner(line).rpartition(b"@")[2]) > 255 else None),
    "lex-long-truncate": reads(lambda line: line[8:][:600].rstrip() if len(line) > 600 else None),
    "lex-slash": accepts(rb"/.*"),
    "lex-pipelined-crlf": Fault(trusts=lambda talk: talk.place > 0),
    "lex-lf-only": Fault(splits_lf=True, bless=lambda talk: bool(talk.taken)),
    # look-alikes
    "u-overlong-at": reads(reading(at, before=overlong)),
    "u-xn-proof": reads(a_label),
    "u-punycode-local": reads(a_label),
    "u-smtputf8-mail": Fault(trusts=lambda talk: (talk.mail or b"").endswith(b"SMTPUTF8")),
    **dict.fromkeys(
        ("u-ulabel", "u-utf8-without-ext", "u-casefold-sharp-s", "u-zero-width", "u-rtl-override", "u-normalization"),
        reads(not_ascii),
    ),
    # who the client says he is
    "helo-localhost": helo(rb"localhost"),
    "helo-localhost-literal": helo(rb"\[127\.0\.0\.1\]"),
    "helo-localhost-domain": helo(rb"localhost\.localdomain"),
    "helo-own-name": helo(rb"gate\." + D),
    "helo-own-domain": helo(D),
    "helo-own-ip": helo(rb"\[192\.0\.2\.25\]"),
    "helo-missing": Fault(trusts=lambda talk: talk.helo is None),
    "helo-partner": helo(rb"mail\." + D),
    "helo-ehlo-switch": remembers("ehlo", once=lambda talk: (talk.helo or b"") == b"gate." + DOMAIN),
    # by chunks
    "bdat-single": Fault(late=True, chunks="unchecked"),
    "bdat-zero": Fault(late=True, chunks="first"),
    "bdat-after-refused": Fault(chunks="refused"),
    "bdat-bare-lf": Fault(chunks="raw"),
    # what came before
    "state-local-then-foreign": remembers(),
    "state-many-local-then-foreign": Fault(trusts=lambda talk: len(talk.taken) >= 10),
    "state-foreign-then-local": Fault(headers="always"),
    "state-header-bcc": Fault(headers="always"),
    "state-resent-bcc": Fault(headers="always"),
    "state-rset-leak": remembers("rset"),
    "state-second-mail": remembers("message"),
    "state-mail-twice": Fault(trusts=lambda talk: talk.mails > 1),
    "state-rcpt-before-mail": Fault(without_mail=True),
    "state-data-no-rcpt": Fault(headers="empty"),
    "state-data-after-5xx": Fault(keeps_refused=True),
    "state-pipelined": Fault(trusts=lambda talk: talk.place > 0),
    "state-early-talk": Fault(trusts=lambda talk: talk.early),
    "state-starttls-inject": Fault(keeps_clear=True, trusts=lambda talk: talk.injected),
    "state-starttls-only": Fault(trusts=lambda talk: talk.tls),
    "state-starttls-reset": Fault(keeps_clear=True, trusts=lambda talk: talk.tls),
    "state-ehlo-reset": remembers("ehlo"),
    "state-quit-reconnect": Fault(survives=frozenset(("address", "ehlo"))),
    "state-second-attempt": Fault(greylists=True, trusts=lambda talk: True),
    "state-slow-dribble": Fault(trusts=lambda talk: talk.drops > 10),
    "state-max-rcpt": Fault(trusts=lambda talk: talk.seen > 1000),
    "state-error-limit": Fault(bless=lambda talk: talk.errors >= 20),
    "state-nonmail-limit": Fault(trusts=lambda talk: talk.idle >= 20),
    # how far
    "scope-subdomain": accepts(rb".*@[^@]+\." + D),
    "scope-parent": accepts(rb".*@target\.example"),
    "scope-sibling": accepts(rb".*@[^@.]+\.target\.example"),
    "scope-suffix": accepts(rb".*@[^@.]+" + D),
    "scope-tld": accepts(rb".*@[^@.]+\.example"),
    "scope-mx-anyone": reads(lambda line: inner(line) if inner(line).endswith(b"@backup.example") else None),
    "scope-mx-wild": reads(lambda line: inner(line) if inner(line).endswith(b"@backup.example") else None),
    "scope-mx-anyone-pct": reads(reading(percent, own=OWN | {b"backup.example"})),
    "scope-no-at": accepts(rb"[^@]+"),
}

# Rows that a sound server takes, because they ask for mailboxes of its own.
TAKEN_BY_THE_SOUND = frozenset(
    (
        *("scope-postmaster", "scope-known-local", "state-foreign-then-local", "state-header-bcc", "state-resent-bcc"),
        "bdat-bare-lf",
    )
)


def fault_for(test: RelayTest) -> Fault | None:
    """The fault on which a row succeeds; None where nobody has written one."""
    return ROWS.get(test.id) or FAMILIES.get(test.family)
