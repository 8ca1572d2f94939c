# SPDX-License-Identifier: Apache-2.0
"""Whose wording a Received line is: the families of mail software, as a table.

A family is known by its mark: the comment in which it names itself, the protocol it claims, or the name of the host
that writes. Each row gives the name people know it by, and where in the mark its version stands. Rows are tried in
order, the first that matches is taken; a group ``version`` and a group ``config`` may stand in a mark. ``config`` is
the version of the configuration where sendmail gives one of its own: ``8.8.8/3.7W`` is sendmail 8.8.8 with a
``sendmail.cf`` made by CF 3.7W, as Japanese hosts had it.

Limits: a mark is text of the writer, and anybody can write it. qmail has no mark: ``read`` knows it by its shape. The
forms are those met in mail from 1996 to 2026; tests/messages show each, and say how sure it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple


@dataclass(frozen=True, slots=True)
class Family:
    """One row of the table.

    Attributes:
        id: stable; the folder of its examples in tests/messages.
        software: the name people know it by.
        comment: its mark in a comment, tried at the comment's first letter.
        protocol: its mark in ``with`` or ``via``.
        by: domains whose hosts run it, of two or three labels.
        queue_id: the form of its queue ids, where nobody else has that form.
    """

    id: str
    software: str
    comment: str = ""
    protocol: str = ""
    by: tuple[str, ...] = ()
    queue_id: str = ""


class Software(NamedTuple):
    """What a mark tells; "" where it doesn't."""

    family: str = ""
    software: str = ""
    version: str = ""
    config: str = ""


_V: Final = r"(?P<version>\d[\w.+-]{0,40})"
FAMILIES: Final = (
    Family("postfix", "Postfix", rf"Postfix\b(?:[- ]v?{_V})?"),
    Family("exim", "Exim", rf"Exim\b(?: {_V}(?: #\d{{1,4}})?)?", queue_id=r"\w{6}-(?:\w{6}-\w{2}|\w{11}-\w{4})"),
    Family("sendmail-hpux", "Sendmail (HP-UX)", r"(?P<version>1\.37\.\d[\d.]{0,20})/(?P<config>[\d.]{1,20})"),
    Family("sendmail-aix", "Sendmail (AIX)", r"AIX ?[\w.]{1,20}/(?:UCB )?(?P<version>\d[\w.]{0,20})"),
    Family(
        "sendmail-sunos",
        "Sendmail (SunOS)",
        r"(?=SMI-|\d[\w.]{0,20}/SMI-)(?:SMI-)?(?P<version>\d[\w.]{0,20})/(?P<config>[\w.-]{1,24})",
    ),
    Family("sendmail-irix", "Sendmail (IRIX)", r"(?:\d{6}\.)?SGI[.-](?P<version>\d[\w.]{0,20})/(?P<config>[\w.]+)"),
    Family("sendmail-switch", "Sendmail Switch", r"Switch-(?P<version>\d[\w.]{0,20})/"),
    Family(
        "sendmail",
        "Sendmail",
        r"(?P<version>[58]\.\d{1,3}(?:\.\d{1,3}){0,3}(?:[a-z]\d{0,2}|p\d|\.(?:Beta|Alpha|Gamma)\d{1,2})?)"
        r"[^/\s()]{0,40}(?:\s?\([^()]{0,60}\))?/(?P<config>[^\s()]{1,60})",
        queue_id=r"(?:[A-X]A{1,2}[A-Z]?\d{5}|[0-9A-Za-x]{8}\d{6})",
    ),
    Family("opensmtpd", "OpenSMTPD", rf"OpenSMTPD\b(?: {_V})?"),
    Family("haraka", "Haraka", rf"Haraka\b(?:/{_V})?"),
    Family(
        "exchange-ims",
        "Exchange 5.5",
        r"Microsoft Exchange Internet Mail (?:Service|Connector) Version (?P<version>[\d.]{1,20})",
        protocol=r"Internet Mail Service\b",
    ),
    Family("smtpsvc", "Microsoft SMTPSVC", protocol=r"Microsoft SMTPSVC"),
    Family("office365", "Exchange Online", by=("outlook.com", "office365.com", "exchangelabs.com")),
    Family("exchange", "Exchange", protocol=r"(?:Microsoft SMTP Server|mapi)\b"),
    Family("domino", "Domino", rf"(?:Lotus|IBM|HCL) (?:Domino|Notes)(?: Release)? {_V}"),
    Family("lotus-mta", "Lotus SMTP MTA", rf"Lotus SMTP MTA (?:Internal build )?v?{_V}"),
    Family("mdaemon", "MDaemon", rf"MDaemon\b[. ]?(?:PRO|STD|LITE|XX)?[. ]?v?(?:{_V})?"),
    Family("courier", "Courier", queue_id=r"[0-9A-F]{16}\.[0-9A-F]{8,16}\.[0-9A-F]{8}"),
    Family("imail", "IMail", rf"SMTPD(?:32)?-{_V}"),
    Family("merak", "Merak", rf"Merak {_V}"),
    Family("icewarp", "IceWarp", rf"IceWarp {_V}"),
    Family("communigate", "CommuniGate Pro", rf"CommuniGate Pro\b(?: [A-Z]{{1,8}})?(?: {_V})?"),
    Family("gmail", "Gmail", by=("google.com", "gmail.com", "googlemail.com"), protocol=r"gmailapi\b"),
    Family("yahoo", "Yahoo", protocol=r"NNFMP\b", by=("yahoo.com", "yahoo.co.jp")),
    Family("hotmail", "Hotmail", by=("hotmail.com", "hotmail.msn.com")),
    Family("amavis", "amavis", r"amavis(?:d(?:-new)?)?\b"),
    Family("fetchmail", "fetchmail", rf"fetchmail-{_V}"),
    Family("getmail", "getmail", protocol=r"(?:POP3|IMAP4)(?:-SSL\b)?(?: getmail(?P<version>\d{1,2})|(?<=-SSL))"),
    Family("cyrus", "Cyrus", rf"Cyrus v?{_V}"),
    Family("dovecot", "Dovecot", r"Dovecot\b"),
    Family("intermail", "InterMail", r"InterMail v(?P<version>[\w.]{1,30})"),
    Family("powermta", "PowerMTA", rf"PowerMTA(?:\(TM\))?(?: v?{_V})?"),
    Family("ses", "Amazon SES", r"SimpleEmailService-", by=("amazonses.com",)),
    Family("ecelerity", "Ecelerity", rf"ecelerity {_V}"),
    Family("smap", "smap", protocol=r"c?smap\b"),
    Family("sendgrid", "SendGrid", r"SG\)"),
    Family("emwac", "EMWAC", rf"EMWAC SMTPRS {_V}"),
    Family("os400", "IBM OS/400 SMTP", r"IBM OS/400 SMTP (?P<version>V\w{1,12})"),
    Family("mailgate", "MailGate", rf"MailGate {_V}"),
    Family("vircom", "Vircom SMTPRS", rf"Vircom SMTPRS {_V}"),
    Family("mailsweeper", "MAILsweeper", rf"Content Technologies SMTPRS {_V}"),
    Family("qmail-scanner", "qmail-scanner", protocol=rf"qmail-scanner\b(?:-{_V})?"),
    Family("postoffice", "Post.Office", rf"Post\.Office MTA v{_V}"),
    Family("smail", "Smail", rf"Smail-?{_V}"),
    Family("james", "Apache James", rf"(?:Apache )?JAMES SMTP Server(?: {_V})?"),
    Family("ntmail", "NTMail", rf"NTMail {_V}"),
    Family("mercury", "Mercury", rf"Mercury(?:/32)?(?: MTS)? v?{_V}"),
    Family("pmdf", "PMDF", r"PMDF V(?P<version>[\w.-]{1,20})"),
    Family(
        "sun-messaging",
        "Sun Messaging Server",
        rf"(?:iPlanet|Sun Java\S{{0,9}} System|Sun ONE|Oracle Communications) Messaging Server {_V}",
    ),
    Family("netscape", "Netscape Messaging Server", rf"Netscape (?:Mail|Messaging) Server(?: v?{_V})?"),
    Family("groupwise", "GroupWise", protocol=r"Novell_GroupWise\b"),
    Family("mirapoint", "Mirapoint", rf"(?:Mirapoint Messaging Server )?MOS {_V}|Mirapoint\b"),
    Family("kerio", "Kerio", rf"Kerio (?:MailServer|Connect) {_V}"),
    Family("argosoft", "ArGoSoft", rf"ArGoSoft Mail Server\b(?:[^,()]{{0,60}}, Version {_V})?"),
    Family("lsmtp", "LSMTP", r"LSMTP for Windows NT v(?P<version>[\w.]{1,20})"),
    Family("navgw", "NAVGW", rf"NAVGW {_V}"),
    Family("mailenable", "MailEnable", protocol=r"MailEnable\b", by=("mailenable",)),
    Family("surgemail", "SurgeMail", rf"SurgeMail {_V}"),
    Family("squirrelmail", "SquirrelMail", r"SquirrelMail authenticated user\b"),
    Family("barracuda", "Barracuda", r"Spam (?:& Virus )?Firewall\b"),
    Family("proofpoint", "Proofpoint", r"PPE Hosted ESMTP Server\b"),
    Family("kumomta", "KumoMTA", r"KumoMTA\b"),
    Family("stalwart", "Stalwart", r"Stalwart\b"),
    Family("halon", "Halon", r"Halon\b"),
    Family("qpsmtpd", "qpsmtpd", rf"qpsmtpd/{_V}"),
    Family("xmail", "XMail", protocol=rf"\[XMail {_V}"),
    Family("axigen", "Axigen", r"Axigen\)"),
    Family("interscan", "InterScan VirusWall", r"InterScan E-Mail VirusWall\b"),
    Family("nemesis", "Nemesis", r"Nemesis\)"),
    Family("rockliffe", "Rockliffe SMTPRA", rf"Rockliffe SMTPRA {_V}"),
    Family("symantec", "Symantec Messaging Gateway", r"Symantec Messaging Gateway\b"),
    Family("zmailer", "ZMailer", queue_id=r"S\d{5,8}A[A-Za-z0-9]{6,7}"),
    Family("bsmtp", "BSMTP", protocol=r"bsmtp\b"),
    Family("uucp", "UUCP", rf"UUPC/extended {_V}", protocol=r"(?:UUCP|uucp)\b"),
)  # fmt: skip
_COMMENTS: Final = [(family, re.compile(family.comment)) for family in FAMILIES if family.comment]
# One expression tells that a comment is nobody's, as most of them are, faster than fifty do.
_ANY_COMMENT: Final = re.compile("|".join(re.sub(r"\(\?P<\w+>", "(?:", mark.pattern) for _, mark in _COMMENTS))
_PROTOCOLS: Final = [(family, re.compile(family.protocol, re.IGNORECASE)) for family in FAMILIES if family.protocol]
_QUEUE_ID: Final = re.compile("|".join(rf"({family.queue_id})\Z" for family in FAMILIES if family.queue_id), re.ASCII)
NOBODY: Final = Software()
_HOSTS: Final = {end: Software(family.id, family.software) for family in FAMILIES for end in family.by}
_HOST_AT_MOST: Final = 260
_GMAIL: Final = Software("gmail", "Gmail")
_QUEUES: Final = [NOBODY, *(Software(family.id, family.software) for family in FAMILIES if family.queue_id)]


def by_comment(text: str) -> Software:
    """The family that a comment (with its parentheses) names."""
    return _by_comment(text[:160])


@lru_cache(maxsize=8192)
def _by_comment(text: str) -> Software:
    if "  " in text or "\t" in text:
        text = " ".join(text.split())
    if _ANY_COMMENT.match(text, 1) is None:
        return NOBODY
    for family, mark in _COMMENTS:
        found = mark.match(text, 1)
        if found is not None:
            groups = found.groupdict()
            version = (groups.get("version") or "").rstrip(".-+")
            return Software(family.id, family.software, version, (groups.get("config") or "").strip(".,"))
    return NOBODY


def by_protocol(text: str) -> Software:
    """The family that ``with`` or ``via`` names."""
    return _by_protocol(text[:60])


@lru_cache(maxsize=2048)
def _by_protocol(text: str) -> Software:
    for family, mark in _PROTOCOLS:
        found = mark.match(text)
        if found is not None:
            version = found.groupdict().get("version") or ""
            return Software(family.id, family.software, version.rstrip(".-+"))
    return NOBODY


def by_host(name: str) -> Software:
    """The family that a host of this name runs, where its operator runs nothing else."""
    return _by_host(name[-_HOST_AT_MOST:])


@lru_cache(maxsize=8192)
def _by_host(name: str) -> Software:
    # Gmail's inner hosts go by 6to4 addresses of private IPv4 ones.
    if name.startswith("2002:a"):
        return _GMAIL
    low = name.rstrip(".").lower()
    second = low.rfind(".", 0, low.rfind("."))
    found = _HOSTS.get(low[second + 1 :])
    return found if found is not None else _HOSTS.get(low[low.rfind(".", 0, max(second, 0)) + 1 :], NOBODY)


def by_queue_id(text: str) -> Software:
    """The family whose queue ids look like this one; says nothing of the version."""
    found = _QUEUE_ID.match(text)
    return _QUEUES[found.lastindex or 1] if found is not None else NOBODY
