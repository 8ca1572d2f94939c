# SPDX-License-Identifier: Apache-2.0
"""Why did a server say no? Its words, its enhanced code, its code and the place in the dialogue, in this order.

``classify`` gives the reason of a refusal. Words decide first (``phrases``), because codes are used loosely: 550 5.7.1
may speak of relaying, of our address or of the weather, and Postfix says "Relay access denied" with 454. Where the
words are unknown, the enhanced code speaks (RFC 3463, RFC 7505, RFC 7372), then the code (RFC 5321 §4.2.3), and both
are read by the stage: 5.7.1 to RCPT is about relaying, to MAIL about the sender, to the greeting about us.

Before words are compared, whatever we sent ourselves is taken out (addresses, and what stands in angle brackets), so
that a domain called ``spamhaus.example`` or a user called ``relay`` decides nothing.

Limits: only the first 4,096 characters of a reply are read. A refusal in a language that the table doesn't know is read
by its codes. What a reply means for a row of the battery is for the tester and the judge to say.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from fumidai.dialects.codes import BY_NUMBER, by_code, by_enhanced
from fumidai.dialects.echo import echoed_address, retry_hint
from fumidai.dialects.phrases import (
    BLAMES_THE_WORDS,
    OF_COMMANDS,
    OF_CONNECTIONS,
    OF_WORDS,
    OVER_TIME,
    PHRASES,
    RELAY_WORDS,
    SIZE,
    Phrase,
)
from fumidai.evidence.outcome import Reason, Stage

__all__ = [
    "blames_commands",
    "blames_the_words",
    "classify",
    "counts_connections",
    "counts_over_time",
    "echoed_address",
    "enhanced_codes",
    "is_refusal",
    "readable",
    "retry_hint",
    "says",
]

READ_AT_MOST: Final = 4096

# "550-5.7.1 text", "550 #5.1.0 text", "text (#5.7.1)": class, subject and detail, not a piece of an address or version.
_ENHANCED: Final = re.compile(r"(?<![\d.])[245]\.(\d{1,3})\.(\d{1,3})(?!\d|\.\d)")
_CODE_AT_LINE_START: Final = re.compile(r"(?m)^[2-5]\d\d[ -]")
# Bounded, and a "<" ends a failed look, so the whole stays linear.
_BRACKETED: Final = re.compile(r"<[^<>]{0,1000}>")
_KANA: Final = re.compile("[\u3041-\u3096\u30a1-\u30fa]")
_PUNCTUATION: Final = ".,;:!?()[]<>{}\"'`*#"
_QUOTES: Final = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u3000": " "})


def classify(reply_code: int, text: str, stage: Stage) -> Reason:
    """The reason of a refusal.

    Args:
        reply_code: three digits as a number; 0 where there was none.
        text: the reply's text, all its lines, with or without the codes at their beginnings. Any bytes: 8-bit text may
            come as latin-1 and is decoded as UTF-8, EUC-JP, Shift_JIS or ISO-2022-JP where it is that.
        stage: the step that was answered.
    """
    if not 400 <= reply_code <= 599:
        return Reason.PROTOCOL
    return _reason(reply_code, readable(text), stage)


def is_refusal(code: int, reason: Reason) -> bool:
    """Does this answer settle the question? Permanent, or a 4xx that says that relaying is denied.

    Postfix refuses relaying with 454 by default (``defer_unauth_destination``), so that spam waits at the spammer's.
    Any other 4xx is a deferral and may end differently when asked again.
    """
    # RFC 5321 §4.2.1: 5yz is permanent.
    return 500 <= code <= 599 or (400 <= code <= 499 and reason is Reason.RELAY)


def blames_the_words(text: str) -> bool:
    """Does a refusal of a message say that its words, its size or its header were at fault?

    Where it doesn't ("550 Message rejected"), it may as well mean the recipient.
    """
    plain = readable(text)
    return any(says(plain, phrase.words) for phrase in (*BLAMES_THE_WORDS, *SIZE))


def counts_connections(text: str) -> bool:
    """Does a refusal speak of our connections, at once or over a time, whatever command it answers?

    Sendmail's ``delay_checks`` says so to RCPT; the recipient is then not to blame.
    """
    plain = readable(text)
    return any(phrase in plain for phrase in OF_CONNECTIONS)


def counts_over_time(text: str) -> bool:
    """Does it say that we come too often, not that we are too many?"""
    plain = readable(text)
    return any(phrase in plain for phrase in OVER_TIME)


def blames_commands(text: str) -> bool:
    """Does a refusal blame what was said in this very session: how much of it (errors, commands), or the words?"""
    plain = readable(text)
    return any(phrase in plain for phrase in (*OF_COMMANDS, *OF_WORDS))


def readable(text: str) -> str:
    """A reply in the form in which phrases are compared: lower case, single blanks, no addresses, padded."""
    plain = _decoded(text[:READ_AT_MOST]).translate(_QUOTES)
    plain = _CODE_AT_LINE_START.sub("", plain)
    plain = _BRACKETED.sub(_without_address, plain).casefold()
    return f" {' '.join(word for word in plain.split() if '@' not in word)} "


def enhanced_codes(text: str) -> tuple[tuple[int, int], ...]:
    """Subject and detail of every enhanced status code in a reply, in order (RFC 3463 §2)."""
    return tuple((int(found[1]), int(found[2])) for found in _ENHANCED.finditer(text[:READ_AT_MOST]))


# What servers themselves put into angle brackets.
_OWN_BRACKETS: Final = frozenset({"<lf>", "<cr>", "<crlf>", "<nul>"})


def _without_address(found: re.Match[str]) -> str:
    inside = found[0]
    ours = "@" in inside or " " not in inside
    return " " if ours and inside.lower() not in _OWN_BRACKETS else inside


# Our tokens are gone from the text, so a server's few sentences recur.
@lru_cache(maxsize=2048)
def _reason(code: int, text: str, stage: Stage) -> Reason:
    if code in BY_NUMBER:
        return BY_NUMBER[code]
    for phrase in PHRASES:
        if _applies(phrase, code, stage) and says(text, phrase.words):
            return phrase.reason
    if code >= 500 and stage not in _BEFORE_RELAYING and _words(text) & RELAY_WORDS:
        return Reason.RELAY
    for subject, detail in enhanced_codes(text):
        reason = by_enhanced(code, subject, detail, stage)
        if reason is not None:
            return reason
    return by_code(code, stage)


_BEFORE_RELAYING: Final = frozenset({Stage.CONNECT, Stage.GREETING, Stage.HELO, Stage.STARTTLS})


def _applies(phrase: Phrase, code: int, stage: Stage) -> bool:
    return stage in phrase.stages and (not phrase.codes or phrase.codes == str(code)[0])


def says(text: str, words: str) -> bool:
    """Do the parts of ``words`` (divided by ``*``) stand in ``text`` in this order? Linear in the text."""
    at = 0
    for part in words.split("*"):
        # Blanks beside a star only make the table readable.
        part = part.strip() if "*" in words else part
        found = text.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return True


def _words(text: str) -> frozenset[str]:
    return frozenset(word.strip(_PUNCTUATION) for word in text.split())


def _decoded(text: str) -> str:
    """Text that was read as latin-1 (or with surrogate escapes) as what it probably is."""
    if text.isascii():
        return _shifted(text) if "\x1b$" in text else text
    try:
        raw = text.encode("latin-1")
    except UnicodeEncodeError:
        raw = text.encode("utf-8", "surrogateescape")
    for encoding in ("utf-8", "euc_jp", "cp932"):
        try:
            decoded = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        # Latin-1 often decodes as Shift_JIS too, but never into kana, without which nobody writes a sentence.
        if encoding == "utf-8" or _KANA.search(decoded):
            return decoded
    return raw.decode("latin-1")


def _shifted(text: str) -> str:
    return text.encode("ascii").decode("iso2022_jp", "replace")
