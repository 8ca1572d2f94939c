# SPDX-License-Identifier: Apache-2.0
"""What a client says: made for the side that asks, read for the side that answers.

The makers put bytes together and check nothing: a relay tester exists to say what nobody should. The parser is
lenient where the meaning is plain (case, blanks around the colon, a path without brackets) and hands everything
else on as a ``Fault`` value beside what it could read.

Limits: a path is cut out, not understood; that is ``address``'s job. Quoted strings and backslashes are honoured
in finding its end, so ``<"a>b"@c>`` is one path.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

CRLF: Final = b"\r\n"


class Verb(StrEnum):
    """Commands that are told apart. ``MESSAGE`` is no word: it is the end of the data, which is answered like one."""

    EHLO = "EHLO"
    HELO = "HELO"
    LHLO = "LHLO"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    BDAT = "BDAT"
    RSET = "RSET"
    NOOP = "NOOP"
    QUIT = "QUIT"
    VRFY = "VRFY"
    EXPN = "EXPN"
    HELP = "HELP"
    STARTTLS = "STARTTLS"
    AUTH = "AUTH"
    ETRN = "ETRN"
    TURN = "TURN"
    SEND = "SEND"
    SOML = "SOML"
    SAML = "SAML"
    XCLIENT = "XCLIENT"
    XFORWARD = "XFORWARD"
    MESSAGE = "."
    UNKNOWN = ""


_MAIL, _RCPT = Verb.MAIL, Verb.RCPT
_WORDS: Final = {verb.value.encode(): verb for verb in Verb if verb.isalpha()}


class Fault(StrEnum):
    """What is wrong with the form of a MAIL or RCPT."""

    NO_COLON = "no FROM: or TO: after the verb"
    NO_PATH = "no path after the colon"
    UNCLOSED = "a path that is never closed"
    GLUED = "something right after the path"
    BAD_PARAMETER = "a parameter of no known form"
    REPEATED_PARAMETER = "a parameter given twice"


@dataclass(frozen=True, slots=True)
class Command:
    """One line as a command.

    Attributes:
        verb: which; ``UNKNOWN`` for every other word.
        argument: what follows the verb, blanks around it taken off.
        path: MAIL and RCPT only: as given, brackets included; ``b""`` where none could be cut out.
        params: MAIL and RCPT only: upper-case keyword to value (``b""`` where there was none).
        fault: MAIL and RCPT only: what is wrong with their form, None where nothing is.
    """

    verb: Verb
    argument: bytes = b""
    path: bytes = b""
    params: Mapping[str, bytes] = field(default_factory=dict)
    fault: Fault | None = None


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def ehlo(name: str | bytes) -> bytes:
    """EHLO with this name, whatever it is."""
    return b"EHLO " + _bytes(name) + CRLF


def helo(name: str | bytes) -> bytes:
    """HELO with this name, whatever it is."""
    return b"HELO " + _bytes(name) + CRLF


def mail(path: bytes, params: bytes = b"") -> bytes:
    """MAIL with this path (brackets included, if it shall have any) and parameters as they stand on the wire."""
    return b"MAIL FROM:" + path + (b" " + params if params else b"") + CRLF


def rcpt(path: bytes, params: bytes = b"") -> bytes:
    """RCPT, as ``mail``."""
    return b"RCPT TO:" + path + (b" " + params if params else b"") + CRLF


def vrfy(text: bytes) -> bytes:
    """VRFY with this text."""
    return b"VRFY " + text + CRLF


def expn(text: bytes) -> bytes:
    """EXPN with this text."""
    return b"EXPN " + text + CRLF


def bdat(size: int, *, last: bool = False) -> bytes:
    """BDAT for a chunk of so many octets, which have to follow (RFC 3030 §2)."""
    return b"BDAT %d%s" % (size, b" LAST" if last else b"") + CRLF


DATA: Final = b"DATA" + CRLF
RSET: Final = b"RSET" + CRLF
NOOP: Final = b"NOOP" + CRLF
QUIT: Final = b"QUIT" + CRLF
HELP: Final = b"HELP" + CRLF
STARTTLS: Final = b"STARTTLS" + CRLF

_BLANK: Final = b" \t"
NO_PARAMETERS: Final[Mapping[str, bytes]] = MappingProxyType({})
_WORD: Final = re.compile(rb"([A-Za-z]+)(?=[ \t]|\Z)")
_INTRODUCTION: Final = {
    Verb.MAIL: re.compile(rb"FROM[ \t]*:[ \t]*", re.IGNORECASE),
    Verb.RCPT: re.compile(rb"TO[ \t]*:[ \t]*", re.IGNORECASE),
}
# RFC 5321 §4.1.2: a quoted string may hold anything, the bracket too; a backslash takes the meaning off what follows.
# An open quote at the end is no quoted string; then the bracket is looked for without regard to it.
_QUOTED: Final = rb'"(?:[^"\\]|\\.)*+"'
_IN_BRACKETS: Final = re.compile(rb'<(?:[^"\\>]|\\.|' + _QUOTED + rb")*+>", re.DOTALL)
_TO_BRACKET: Final = re.compile(rb"<[^>]*>")
_TO_BLANK: Final = re.compile(rb'(?:[^"\\ \t]|\\.|' + _QUOTED + rb")++(?=[ \t]|\Z)|[^ \t]+", re.DOTALL)
# RFC 5321 §4.1.2: esmtp-keyword "=" esmtp-value. The value is left as it is.
_PARAMETER: Final = re.compile(rb"([A-Za-z0-9][A-Za-z0-9-]*)(?:=(.+))?\Z", re.DOTALL)
# RFC 3030 §2: chunk-size = 1*DIGIT; a number of more than 20 digits (as for SIZE) is nobody's chunk.
_CHUNK: Final = re.compile(rb"([0-9]{1,20})(?:[ \t]+(LAST))?\Z", re.IGNORECASE)


# RFC 5321 §4.1.2 in its usual form, without anything quoted in the path.
_USUAL: Final = re.compile(rb'(?:MAIL FROM:|(RCPT TO:))(<[^"\\<> \t\r\n]*>)((?: [^\r\n]*[^ \t\r\n])?)', re.IGNORECASE)
_HELLO: Final = re.compile(rb"EHLO ([!-~]+)")
_PLAIN: Final = re.compile(rb'(?:(MAIL FROM:)|RCPT TO:)(<[^"\\<> \t\r\n\0]*>)\r\n', re.IGNORECASE)
#: Commands that are no more than their word.
_WORDS_ALONE: Final = {word: verb for word, verb in _WORDS.items() if verb not in _INTRODUCTION}


def recognise(line: bytes) -> Verb:
    """The verb that a line (of several, the first) begins with."""
    return _split(line)[0]


def plain_path(line: bytes) -> tuple[Verb, bytes] | None:
    """Verb and path of a MAIL or RCPT in its usual form, without parameters, its end included; None for all others.

    What ``parse_command`` reads of it is the same; most commands are these.
    """
    found = _PLAIN.fullmatch(line)
    return None if found is None else (_MAIL if found[1] else _RCPT, found[2])


def parse_command(line: bytes) -> Command:
    """Read one line, with or without its end; of several the first."""
    if hello := _HELLO.fullmatch(line):
        return Command(Verb.EHLO, hello[1], b"", NO_PARAMETERS)
    if usual := _USUAL.fullmatch(line):
        path, rest = usual[2], usual[3]
        params, bad = _read_params(rest) if rest else (NO_PARAMETERS, None)
        return Command(Verb.RCPT if usual[1] else Verb.MAIL, line[5:], path, params, bad)
    if alone := _WORDS_ALONE.get(line):
        return Command(alone, b"", b"", NO_PARAMETERS)
    verb, argument = _split(line)
    if verb not in _INTRODUCTION:
        return Command(verb, argument, b"", NO_PARAMETERS)
    introduction = _INTRODUCTION[verb].match(argument)
    if introduction is None:
        return Command(verb, argument, fault=Fault.NO_COLON)
    path, rest, fault = _cut_path(argument[introduction.end() :])
    params, bad = _read_params(rest)
    return Command(verb, argument, path, params, fault or bad)


def parse_chunk(argument: bytes) -> tuple[int, bool] | None:
    """The argument of BDAT: octets that follow, and whether they are the message's last; None for no such thing."""
    found = _CHUNK.match(argument)
    return (int(found[1]), found[2] is not None) if found else None


def _split(line: bytes) -> tuple[Verb, bytes]:
    """Verb and argument."""
    text = line.partition(b"\n")[0].removesuffix(b"\r")
    word = _WORD.match(text)
    verb = _WORDS.get(word[1].upper(), Verb.UNKNOWN) if word else Verb.UNKNOWN
    return verb, text[word.end() if word else 0 :].strip(_BLANK)


def _cut_path(text: bytes) -> tuple[bytes, bytes, Fault | None]:
    """Path, what stands after it, and what is wrong."""
    if not text:
        return b"", b"", Fault.NO_PATH
    if not text.startswith(b"<"):
        bare = _TO_BLANK.match(text)
        end = bare.end() if bare else len(text)
        return text[:end], text[end:], None
    found = _IN_BRACKETS.match(text) or _TO_BRACKET.match(text)
    if found is None:
        return text, b"", Fault.UNCLOSED
    path, rest = found[0], text[found.end() :]
    return path, rest, Fault.GLUED if rest and rest[:1] not in (b" ", b"\t") else None


def _read_params(text: bytes) -> tuple[dict[str, bytes], Fault | None]:
    """Parameters, and the first thing that is wrong with them."""
    params: dict[str, bytes] = {}
    fault: Fault | None = None
    for word in text.replace(b"\t", b" ").split(b" "):
        if not word:
            continue
        parameter = _PARAMETER.match(word)
        if parameter is None:
            fault = fault or Fault.BAD_PARAMETER
            continue
        keyword = parameter[1].decode("ascii").upper()
        if keyword in params:
            fault = fault or Fault.REPEATED_PARAMETER
        params.setdefault(keyword, parameter[2] or b"")
    return params, fault
