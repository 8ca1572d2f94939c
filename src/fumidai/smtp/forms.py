# SPDX-License-Identifier: Apache-2.0
"""The forms in which a second address hides in a first, each as a rule that takes it out.

A rule gets the ``Parts`` of a text (``local@domain``, split at the last ``@`` outside quotes) and yields what a
server that understands its form would read next: another text, or a place ``Away`` from mail. It looks at its own
form alone; that forms nest is the business of ``readings``, which feeds results back in. A rule yields no more
results than its text has characters, and a few.

Limits: conventions that no format fixes (``v_evil.test@``, ``v.at.evil.test@``) are no forms. Percent-encoded
text needs no rule for ``%40``: the percent sign itself is one already; it is decoded all the same, for the name
in the sentence.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from fumidai.smtp.address import is_quoted, unquote
from fumidai.smtp.literal import domain_key, literal_key, numeric_address, parse_address, parse_literal


class Form(StrEnum):
    """How a second address can hide in a first: the words of ``[policy] routing``."""

    PERCENT = "percent"  # v%evil.test@a.com: RFC 1123 §5.2.16, "the percent hack"
    BANG = "bang"  # evil.test!v@a.com: UUCP, RFC 976
    ROUTE = "route"  # @a.com:v@evil.test: RFC 5321 appendix C
    QUOTED = "quoted"  # "v@evil.test"@a.com: the quotes get lost on the way
    DOUBLE_AT = "double-at"  # v@evil.test@a.com
    LITERAL = "literal"  # v@0x7f000001, v@[IPv6:::ffff:192.0.2.1], v@[a.com]
    ENCAPSULATED = "encapsulated"  # IMCEASMTP-v+40evil.test@a.com: Exchange
    GATEWAY = "gateway"  # FAX=+81…@a.com: RFC 3191
    SLASH = "slash"  # /DD.RFC-822=v(a)evil.test/@a.com: X.400, RFC 2156
    PROGRAM = "program"  # |/bin/sh, /etc/file, :include:, -option
    DECNET = "decnet"  # evil::v@a.com
    COLON = "colon"  # evil:v@a.com, x:v@evil.test;
    LIST = "list"  # a@a.com,v@evil.test
    SPACE = "space"  # v @evil.test
    ANGLE = "angle"  # Name <v@evil.test>, a bracket missing or nested
    COMMENT = "comment"  # v@evil.test(x@a.com): RFC 5322 §3.2.2
    ESCAPE = "escape"  # v\@evil.test@a.com
    ENCODED = "encoded"  # v=40evil.test@a.com, v%40evil.test@a.com
    UNICODE = "unicode"  # v＠evil.test@a.com: full width, IDNA 2003, invisible characters
    EIGHT_BIT = "eight-bit"  # the eighth bit stripped, overlong UTF-8
    CONTROL = "control"  # NUL, CR, LF and their kin cut the text
    DOT = "dot"  # dots too many


ALL: Final = frozenset(Form)


class Rewriting(StrEnum):
    """Local parts that our own mailers make out of a foreign address; at our domain they are ours (DESIGN §2)."""

    SRS = "srs"
    BATV = "batv"
    VERP = "verp"


@dataclass(frozen=True, slots=True)
class Parts:
    """A text, split at its last ``@`` outside quotes and literals; ``domain`` is "" where there is none."""

    text: str
    local: str
    domain: str


@dataclass(frozen=True, slots=True)
class Away:
    """A place outside of mail: ``scheme`` names the address space; ``unknown``: nobody can tell where it leads."""

    local: str
    domain: str
    scheme: str = ""
    unknown: bool = False


Rule = Callable[[Parts], Iterator[str | Away]]

_REWRITINGS: Final = (
    # SRS (Wong, 2003): SRS0=hash=tt=domain=local; the first separator may also be + or -.
    (Rewriting.SRS, re.compile(r"srs[01][=+-].*=.*", re.IGNORECASE | re.DOTALL)),
    # draft-levine-smtp-batv: prvs=tag=local, in older software prvs=local/tag and btv1==tag==local.
    (Rewriting.BATV, re.compile(r"(?:prvs=|msprvs\d?=|btv1==).*", re.IGNORECASE | re.DOTALL)),
    # Bernstein, "Variable Envelope Return Paths" (1997): list-return-number-user=domain.
    (Rewriting.VERP, re.compile(r'[^=@"]*[+-][^=@"]+=[^=@"%!]+\.[^=@"%!]+', re.DOTALL)),
)


def rewriting(local_part: str) -> Rewriting | None:
    """What kind of rewritten local part this is; None if none."""
    return next((kind for kind, pattern in _REWRITINGS if pattern.fullmatch(local_part)), None)


def decodings(raw: bytes) -> Iterator[tuple[str, tuple[Form, ...]]]:
    """The texts that the bytes of a path may stand for, outer brackets taken off, the likeliest first."""
    inside = raw.strip(b" ")
    if inside.startswith(b"<") and inside.endswith(b">"):
        inside = inside[1:-1]
    try:
        yield inside.decode("utf-8"), ()
    except UnicodeDecodeError:
        yield inside.decode("latin-1"), (Form.EIGHT_BIT,)
        yield _OVERLONG.sub(_decode_overlong, inside).decode("latin-1"), (Form.EIGHT_BIT,)
        yield bytes(byte & 0x7F for byte in inside).decode("ascii"), (Form.EIGHT_BIT,)


# RFC 3629 §3 forbids these spellings of ASCII; old decoders take them.
_OVERLONG: Final = re.compile(rb"[\xc0\xc1][\x80-\xbf]|\xe0[\x80\x81][\x80-\xbf]")


def _decode_overlong(found: re.Match[bytes]) -> bytes:
    *_, high, low = found[0]
    return bytes([(high & 0x01) << 6 | low & 0x3F])


def without_route(text: str) -> str:
    """The text without a source route that stands before it."""
    return text[_after_route(text) :] if text.startswith("@") else text


_OUTSIDE: Final = re.compile(r'"(?:[^"\\]|\\.)*"|\[[^\]@]*\]|\\.|[@,;]', re.DOTALL)


def _marks(text: str, marks: str) -> list[int]:
    """Where one of the marks stands outside quoted strings, literals and escapes."""
    return [found.start() for found in _OUTSIDE.finditer(text) if found[0] in marks]


def split(text: str) -> Parts:
    """Split at the last ``@`` that is not quoted."""
    places = _marks(text, "@")
    if not places:
        return Parts(text, text, "")
    return Parts(text, text[: places[-1]], text[places[-1] + 1 :])


_ADDRESS_MARK: Final = re.compile(r"[@%!:\\=＠]")


def _worth(texts: Iterator[str]) -> Iterator[str]:
    """Those fragments that may be an address: a word alone is none."""
    return (text.strip() for text in texts if _ADDRESS_MARK.search(text))


def _at(local: str, domain: str) -> str:
    return f"{local}@{domain}" if domain else local


def _inner(parts: Parts, local: str) -> Iterator[str]:
    """A rewritten local part: at its domain, and alone if it is an address itself."""
    if local != parts.local:
        if "@" in local:
            yield local
        yield _at(local, parts.domain)


def _is_open(parts: Parts) -> bool:
    """False for a quoted local part: what is inside waits until the quotes are off (Form.QUOTED)."""
    return not is_quoted(parts.local)


def _percent(parts: Parts) -> Iterator[str | Away]:
    # RFC 1123 §5.2.16: the rightmost percent sign becomes the @.
    if _is_open(parts) and "%" in parts.local:
        before, _, after = parts.local.rpartition("%")
        yield f"{before}@{after}"


def _bang(parts: Parts) -> Iterator[str | Away]:
    # RFC 976 §2: host!rest is handed to host; so is host!rest@domain where bangs bind tighter than the @.
    if _is_open(parts) and "!" in parts.local:
        host, _, rest = parts.local.partition("!")
        yield f"{rest}@{host}"


def _route(parts: Parts) -> Iterator[str | Away]:
    if parts.text.startswith("@") and ":" in parts.text:
        end = _after_route(parts.text)
        rest = parts.text[end:]
        yield rest
        for hop in parts.text[: end - 1].split(","):
            if hop.strip("@ "):
                yield Away(rest, hop.strip("@ "))


def _after_route(text: str) -> int:
    """Where the mailbox begins behind a route: after the first colon outside brackets, 0 if there is none."""
    found = re.match(r"(?:\[[^\]]*\]|[^:])*?:", text)
    return found.end() if found else 0


def _quoted(parts: Parts) -> Iterator[str | Away]:
    if is_quoted(parts.local):
        yield from _inner(parts, unquote(parts.local))
    elif '"' in parts.local:
        # Quotes in the middle, or only one of them: some servers drop them.
        yield from _inner(parts, parts.local.replace('"', ""))


def _double_at(parts: Parts) -> Iterator[str | Away]:
    if not _is_open(parts):
        return
    ats = _marks(parts.text, "@")
    if len(ats) > 1:
        # The last domain stripped as "ours", or the rest of the line ignored after the first one.
        yield parts.text[: ats[-1]]
        yield parts.text[: ats[1]]
        if ats[0] == 0:
            yield parts.text[1:]
    elif ats and not parts.local:
        yield parts.domain


def _literal(parts: Parts) -> Iterator[str | Away]:
    domain = parts.domain
    address = parse_literal(domain)
    if address is None:
        inside = domain.strip("[] ")
        bare = parse_address(inside) or parse_address(f"IPv6:{inside}") or numeric_address(inside)
        if bare is not None:
            yield _at(parts.local, literal_key(bare))
        elif "[" in domain or "]" in domain:
            yield _at(parts.local, inside)
    elif address.version == 6 and address.ipv4_mapped:
        yield _at(parts.local, literal_key(address.ipv4_mapped))


_IMCEA: Final = re.compile(r"IMCEA([A-Z0-9]*)-(.*)", re.IGNORECASE | re.DOTALL)
_PLUS_HEX: Final = re.compile(r"\+([0-9a-fA-F]{2})")


def _encapsulated(parts: Parts) -> Iterator[str | Away]:
    # MS-OXOABK, "encapsulated addresses": IMCEA, the type, a dash; other characters as +XX, a slash as _.
    found = _IMCEA.fullmatch(parts.local)
    if not found:
        return
    kind, inside = found[1].lower(), _hex(_PLUS_HEX, found[2])
    if "@" in inside:
        yield inside
    if kind != "smtp" or "@" not in inside:
        yield Away(inside, parts.domain, scheme=kind or "imcea")


def _hex(pattern: re.Pattern[str], text: str) -> str:
    return pattern.sub(lambda found: chr(int(found[1], 16)), text)


_GATEWAY: Final = re.compile(r"(fax|voice|tel|sms|mms|page|wap)=.*", re.IGNORECASE | re.DOTALL)


def _gateway(parts: Parts) -> Iterator[str | Away]:
    # RFC 3191 §2, RFC 3192 §2: service-selector "=" number.
    found = _GATEWAY.fullmatch(parts.local)
    if found:
        yield Away(parts.local, parts.domain, scheme=found[1].lower())


_DDA: Final = re.compile(r"/(?:DD[.:])?(?:RFC-?822|SMTP|INTERNET)=([^/]*)", re.IGNORECASE)
# RFC 2156 §3.3.4 (and RFC 987): signs that an X.400 printable string lacks.
_PRINTABLE: Final = {"(a)": "@", "(p)": "%", "(b)": "!", "(q)": '"', "(u)": "_", "(l)": "(", "(r)": ")"}


def _slash(parts: Parts) -> Iterator[str | Away]:
    if not (_is_open(parts) and parts.local.startswith("/") and "=" in parts.local):
        return
    found = _DDA.search(parts.local)
    if found:
        inside = found[1]
        for spelled, sign in _PRINTABLE.items():
            inside = re.sub(re.escape(spelled), sign, inside, flags=re.IGNORECASE)
        yield inside
    yield Away(parts.local, parts.domain, scheme="x400")


_PROGRAM: Final = re.compile(r"\s*(?:\||/(?!.*=)|:include:|-)", re.IGNORECASE | re.DOTALL)


def _program(parts: Parts) -> Iterator[str | Away]:
    # aliases(5) of sendmail and Postfix: a pipe, a file, a list of further addresses. A dash: an option of a delivery
    # agent.
    if _PROGRAM.match(parts.local):
        yield Away(parts.local, parts.domain, scheme="program", unknown=True)


def _decnet(parts: Parts) -> Iterator[str | Away]:
    if _is_open(parts) and "::" in parts.local:
        host, _, rest = parts.local.partition("::")
        yield f"{rest}@{host}"


def _colon(parts: Parts) -> Iterator[str | Away]:
    host, colon, rest = parts.local.partition(":")
    if _is_open(parts) and colon and not host.startswith("@") and not rest.startswith(":"):
        yield f"{rest}@{host}"
        # A group (RFC 5322 §3.4), a route without its @, or a scheme before the address.
        yield from _worth(iter([parts.text.partition(":")[2]]))


def _list(parts: Parts) -> Iterator[str | Away]:
    text = parts.text
    places = _marks(text, ",;")
    if _is_open(parts) and places:
        yield from _worth(_cut(text, places))


def _cut(text: str, places: list[int]) -> Iterator[str]:
    for begin, end in zip([-1, *places], [*places, len(text)], strict=True):
        yield text[begin + 1 : end]


_SPACES: Final = re.compile(r"[ \t]+")


def _space(parts: Parts) -> Iterator[str | Away]:
    words = _SPACES.split(parts.text)
    if _is_open(parts) and words != [parts.text]:
        yield "".join(words)
        yield from _worth(iter(words))


def _angle(parts: Parts) -> Iterator[str | Away]:
    if _is_open(parts) and re.search(r"[<>]", parts.text):
        yield from _worth(iter(re.split(r"[<>]", parts.text)))


_COMMENT: Final = re.compile(r"\([^()]*\)")


def _comment(parts: Parts) -> Iterator[str | Away]:
    if _is_open(parts) and re.search(r"[()]", parts.text):
        without = _COMMENT.sub("", parts.text)
        if without == parts.text:
            without = re.sub(r"[()]", "", parts.text)
            yield parts.text.partition("(")[0]
        yield without
        yield from _worth(found[0][1:-1] for found in _COMMENT.finditer(parts.text))


def _escape(parts: Parts) -> Iterator[str | Away]:
    if _is_open(parts) and "\\" in parts.text:
        yield re.sub(r"\\(.?)", r"\1", parts.text, flags=re.DOTALL)


_PERCENT_HEX: Final = re.compile(r"%([0-9a-fA-F]{2})")
_EQUALS_HEX: Final = re.compile(r"=([2-7][0-9a-fA-F])")
# Tokens are full of =XX by chance; only where a name with a dot comes out was an address meant.
_NAMES_A_HOST: Final = re.compile(r"[@%][^@%]*\.|\.[^!]*!")


def _encoded(parts: Parts) -> Iterator[str | Away]:
    if _is_open(parts):
        yield from _inner(parts, _hex(_PERCENT_HEX, parts.local))
        decoded = _hex(_EQUALS_HEX, parts.local)
        if rewriting(parts.local) is None and _NAMES_A_HOST.search(decoded):
            yield from _inner(parts, decoded)


_DOTS: Final = re.compile("[\u3002\uff0e\uff61]")


def _unicode(parts: Parts) -> Iterator[str | Away]:
    text = parts.text
    if text.isascii():
        return
    dotted = _DOTS.sub(".", text)
    compatible = unicodedata.normalize("NFKC", dotted)
    visible = "".join(letter for letter in compatible if unicodedata.category(letter) not in ("Cf", "Mn"))
    for other in dict.fromkeys((compatible, visible, compatible.casefold())):
        folded = split(other)
        if other != text and (folded.local != parts.local or domain_key(folded.domain) != domain_key(parts.domain)):
            yield other


_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def _control(parts: Parts) -> Iterator[str | Away]:
    if _CONTROLS.search(parts.text):
        yield _CONTROLS.split(parts.text, maxsplit=1)[0]
        yield _CONTROLS.sub("", parts.text)
        yield from _worth(iter(_CONTROLS.split(parts.text)))


_DOT_RUN: Final = re.compile(r"\.\.+")


def _dot(parts: Parts) -> Iterator[str | Away]:
    domain = _DOT_RUN.sub(".", parts.domain).strip(".")
    if domain != domain_key(parts.domain) and domain_key(domain) != domain_key(parts.domain):
        yield _at(parts.local, domain)
    local = _DOT_RUN.sub(".", parts.local).strip(".")
    if _is_open(parts) and local != parts.local:
        yield _at(local, parts.domain)


#: The rules, the likeliest to name the real destination first.
RULES: Final[Mapping[Form, Rule]] = MappingProxyType(
    {
        Form.ROUTE: _route,
        Form.ENCODED: _encoded,
        Form.QUOTED: _quoted,
        Form.PERCENT: _percent,
        Form.BANG: _bang,
        Form.DOUBLE_AT: _double_at,
        Form.ENCAPSULATED: _encapsulated,
        Form.SLASH: _slash,
        Form.GATEWAY: _gateway,
        Form.PROGRAM: _program,
        Form.LITERAL: _literal,
        Form.DECNET: _decnet,
        Form.COLON: _colon,
        Form.LIST: _list,
        Form.SPACE: _space,
        Form.ANGLE: _angle,
        Form.COMMENT: _comment,
        Form.ESCAPE: _escape,
        Form.UNICODE: _unicode,
        Form.CONTROL: _control,
        Form.DOT: _dot,
    }
)
