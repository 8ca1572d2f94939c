# SPDX-License-Identifier: Apache-2.0
"""The ``[access]`` table of a policy file: its keys and right-hand sides, read and checked.

sendmail takes whatever stands there and finds nothing, or makes a reply of it; here a key that could never match
and a word that nobody knows are errors, because each of them is a rule that its author believes in.

Limits: sendmail's tags about TLS, features and certificates are refused, not ignored: a rule that does nothing
must not look as if it did.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from fumidai.policy.access import (
    COUNTING,
    TAG_NAMES,
    Kind,
    RightSide,
    Tag,
    access_key,
    shown_key,
    split_key,
)
from fumidai.policy.lines import Place
from fumidai.policy.notice import Source, nearest
from fumidai.smtp.literal import is_domain_name, parse_literal
from fumidai.texts import N_

_TAG: Final = re.compile(r"([A-Za-z_]+):")
_NET4: Final = re.compile(r"(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){0,3}")
_NET6: Final = re.compile(r"ipv6:[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){0,7}")
_NUMERIC: Final = re.compile(r"[0-9./]+|ipv6:.*", re.IGNORECASE)

_WORDS: Final = {kind.value: kind for kind in Kind if kind not in (Kind.ERROR, Kind.NUMBER)}
_QUARANTINE: Final = re.compile(r"QUARANTINE:\s*(.*)", re.IGNORECASE | re.DOTALL)
# cf/README: ERROR:D.S.N:NNN text, ERROR:NNN text, and (deprecated) NNN text.
_ERROR: Final = re.compile(
    r'(?:ERROR:)?\s*"?(?:(\d\.\d{1,3}\.\d{1,3}):)?\s*(\d{3})(?:\s+(.*?))?"?', re.IGNORECASE | re.DOTALL
)
_PRINTABLE: Final = re.compile(r"[ -~]*")


def read_access(table: Mapping[str, str | int], source: Source) -> dict[str, RightSide]:
    """The table in the form that ``AccessMap`` keeps; raises PolicyError."""
    sides: dict[str, RightSide] = {}
    for key, value in table.items():
        place: Place = ("access", key)
        kept = _key(key, place, source)
        side = _side(str(value), split_key(kept)[0], place, source)
        if kept in sides:
            raise source.error(
                place,
                N_('"{name}" is in the table already, in another spelling.'),
                mend=N_("Keep one of them."),
                name=shown_key(kept),
            )
        sides[kept] = side
        _warn(kept, side, place, source)
    return sides


def _key(key: str, place: Place, source: Source) -> str:
    tag, rest = split_key(key)
    foreign = _TAG.match(rest)
    if foreign and foreign[1].lower() != "ipv6":
        near = nearest(foreign[1], list(TAG_NAMES.values()))
        raise source.error(
            place,
            N_('Nobody knows the tag "{name}".'),
            mend=N_('Did you mean "{near}:"?') if near else N_("Known here: {known}."),
            name=foreign[1],
            near=near,
            known=", ".join(f"{name}:" for name in TAG_NAMES.values()),
        )
    kept = access_key(key)
    problem = _key_problem(split_key(kept)[1], tag)
    if problem:
        raise source.error(place, N_('"{name}" would never match.'), mend=problem, name=rest)
    return kept


def _key_problem(rest: str, tag: Tag) -> str:
    """Why a key would never match, as the mend; "" if it may."""
    if not rest:
        # cf/README: "ClientRate:" alone is the default of all clients.
        return "" if tag in COUNTING else N_("Name an address, a domain or a mailbox after the tag.")
    if _NUMERIC.fullmatch(rest):
        if _NET4.fullmatch(rest) or _NET6.fullmatch(rest):
            return ""
        return N_(
            'A net is cut at its dots or colons: "192.0.2", "IPv6:2001:db8"; lengths stand in policy.relay.networks.'
        )
    if tag in COUNTING:
        return N_("This tag is asked for a client's address: name a net, or nothing for all clients.")
    user, at, domain = rest.rpartition("@")
    if at and not domain:
        return "" if user else N_("Name an address, a domain or a mailbox after the tag.")
    if domain.startswith("."):
        return N_("Take the leading dot away: what lies below a domain is meant anyway.")
    if is_domain_name(domain) or parse_literal(domain) is not None:
        return ""
    return N_('Keys are nets ("192.0.2"), domains ("a.com"), mailboxes ("user@a.com") and users ("user@").')


def _side(value: str, tag: Tag, place: Place, source: Source) -> RightSide:
    text = value.strip()
    if tag in COUNTING:
        if not text.isascii() or not text.isdigit():
            raise source.error(
                place, N_('"{value}" is no number.'), mend=N_("This tag takes a number; 0 means no limit."), value=value
            )
        return RightSide(Kind.NUMBER, int(text))
    side = _known_side(text)
    allowed = {Kind.FRIEND, Kind.HATER, Kind.SKIP} if tag is Tag.SPAM else set(Kind) - {Kind.FRIEND, Kind.HATER}
    if side is None or side.kind not in allowed:
        words = [word for word, kind in _WORDS.items() if kind in allowed]
        near = nearest(text.partition(":")[0], words)
        raise source.error(
            place,
            N_('Nobody knows the answer "{value}".'),
            mend=N_('Did you mean "{near}"?') if near else N_('Known here: {known}, "ERROR:5.7.1:550 your text".'),
            value=value,
            near=near,
            known=", ".join(words),
        )
    _check_reply(side, value, place, source)
    return side


def _known_side(text: str) -> RightSide | None:
    if text.upper() in _WORDS:
        return RightSide(_WORDS[text.upper()])
    quarantine = _QUARANTINE.fullmatch(text)
    if quarantine:
        return RightSide(Kind.QUARANTINE, text=quarantine[1].strip())
    error = _ERROR.fullmatch(text)
    if error:
        return RightSide(Kind.ERROR, int(error[2]), error[1] or "", (error[3] or "").strip())
    return None


def _check_reply(side: RightSide, value: str, place: Place, source: Source) -> None:
    if not _PRINTABLE.fullmatch(side.text):
        raise source.error(
            place,
            N_("The text of a reply must be printable ASCII."),
            mend=N_("Write it in plain English letters: SMTP replies know no others."),
        )
    if side.kind is not Kind.ERROR:
        return
    # RFC 5321 §4.2.1: only 4yz and 5yz refuse; an access table refuses with nothing else.
    if not 400 <= side.code <= 599:
        raise source.error(
            place,
            N_('"{value}" would not refuse anything.'),
            mend=N_("The code of an ERROR lies between 400 and 599."),
            value=value,
        )
    # RFC 2034 §4: the class of the enhanced code is that of the reply.
    if side.enhanced and side.enhanced[0] != str(side.code)[0]:
        raise source.error(
            place,
            N_('"{value}": the two codes contradict each other.'),
            mend=N_("Both begin with 4 (come again) or both with 5 (never)."),
            value=value,
        )


def _warn(key: str, side: RightSide, place: Place, source: Source) -> None:
    tag, rest = split_key(key)
    if side.kind is Kind.RELAY and tag is Tag.FROM:
        source.warn(
            place,
            N_("A sender is only claimed, so this never lets anyone relay."),
            mend=N_("Use policy.relay.networks, policy.relay.authenticated or Connect:."),
        )
    elif side.kind is Kind.RELAY and rest.endswith("@"):
        source.warn(
            place,
            N_("A user alone says nothing of the place mail goes to, so this lets nobody relay."),
            mend=N_('Name the mailbox or the domain: "To:user@a.com", "To:a.com".'),
        )
    elif side.kind is Kind.RELAY and tag is Tag.ANY:
        source.warn(
            place,
            N_("Without a tag this relays to {name} for everyone, and for every client named so."),
            mend=N_('Say which is meant: "To:{name}" or "Connect:{name}".'),
            name=shown_key(key),
        )
    elif side.kind is Kind.RELAY and is_domain_name(rest) and "." not in rest and not rest.isdigit():
        source.warn(
            place,
            N_("This lets a whole top-level domain relay."),
            mend=N_("Name the domains that are meant."),
        )
    elif side.kind is Kind.DISCARD:
        source.warn(
            place,
            N_("This is answered 550: what is not delivered is not acknowledged."),
            mend=N_('Write "REJECT", which says the same.'),
        )
    elif side.kind is Kind.QUARANTINE:
        source.warn(
            place,
            N_("This is answered 451, come again later: there is no place here where mail is kept."),
            mend=N_('Write "REJECT" to refuse it for good, or leave it out.'),
        )
    elif side.kind is Kind.HATER:
        source.warn(place, N_("This changes nothing: everybody is checked."), mend=N_("Take the line out."))
