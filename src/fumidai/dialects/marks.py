# SPDX-License-Identifier: Apache-2.0
"""Marks by which mail server software gives itself away, as data: banners, EHLO replies, wording.

``BANNERS`` are patterns over the greeting, tried from the top, those with a version before those without; a group holds
the version. ``HELLOS`` and ``REPLIES`` are lower-case pieces of text with the weight of what they tell: 3 nobody else
says it, 1 others say it too. All were written from banners and replies seen; none comes from another tool's list.

Limits: a banner can be changed or masked (``220 ****``), and some products say nothing of themselves (Courier,
hMailServer, qmail); for those only their wording speaks.
"""

from __future__ import annotations

import re
from typing import Final

# A version: begins with a digit, ends before a blank, comma, semicolon or closing bracket. Bounded, so linear.
_V: Final = r"v?(\d[\w.+/-]{0,40})"


def _banner(name: str, pattern: str) -> tuple[str, re.Pattern[str]]:
    return name, re.compile(pattern, re.IGNORECASE)


BANNERS: Final = (
    # sendmail of the makers of Unix: "@(#)Sendmail version 8.13.3 - Revision 2.007:: HP-UX", "AIX7.1/8.14.4", "SMI-8.6"
    _banner("Sendmail", rf"@\(#\)sendmail version {_V}"),
    _banner("Sendmail", rf"sendmail aix[\d.]{{1,10}}/{_V}"),
    _banner("Sendmail", rf"sendmail smi-{_V}"),
    _banner("Sendmail", rf"sendmail (?:version )?{_V}"),
    _banner("Postfix", rf"postfix \(?{_V}"),
    _banner("Exim", rf"\bexim {_V}"),
    _banner("Exchange", rf"microsoft exchange internet mail (?:service|connector) {_V}"),
    _banner("Exchange", rf"microsoft (?:e?smtp mail service|smtpsvc).{{0,40}}version: {_V}"),
    _banner("OpenSMTPD", rf"opensmtpd {_V}"),
    _banner("Haraka", rf"\bharaka[ /]{_V}"),
    _banner("Domino", rf"(?:lotus|ibm|hcl) domino (?:release|build) {_V}"),
    _banner("MDaemon", rf"mdaemon (?:\w{{1,10}} )?{_V}"),
    _banner("IceWarp", rf"(?:icewarp|merak) {_V}"),
    _banner("MailEnable", rf"mailenable service, version: ?{_V}"),
    _banner("CommuniGate Pro", rf"communigate pro {_V}"),
    _banner("Kerio", rf"kerio (?:connect|mailserver) {_V}"),
    _banner("GroupWise", rf"groupwise internet agent {_V}"),
    _banner("IMail", rf"\(imail {_V}"),
    _banner("SmarterMail", rf"smartermail(?: enterprise| professional)? {_V}"),
    _banner("XMail", rf"\[?xmail {_V}"),
    _banner("Mercury/32", rf"mercury/\d\d {_V}"),
    _banner("PMDF", rf"pmdf {_V}"),
    _banner("James", rf"james smtp server {_V}"),
    _banner("aiosmtpd", rf"python smtp {_V}"),
    _banner("PowerMTA", rf"powermta(?:\(tm\))? {_V}"),
    _banner("Momentum", rf"ecelerity {_V}"),
    _banner("qpsmtpd", rf"qpsmtpd {_V}"),
    _banner("Oracle Messaging Server", rf"(?:oracle communications|sun java system|iplanet) messaging server {_V}"),
    _banner("Post.Office", rf"post\.office {_V}"),
    _banner("InterScan", rf"interscan.{{0,40}}version: ?{_V}"),
    # a name alone
    _banner("Sendmail", r"\bsendmail\b"),
    _banner("Postfix", r"\bpostfix\b"),
    _banner("Exim", r"\bexim\b"),
    _banner("Exchange", r"microsoft e?smtp mail service"),
    _banner("OpenSMTPD", r"opensmtpd"),
    _banner("Haraka", r"\bharaka\b"),
    _banner("qmail", r"\b(?:s/|net|not)?qmail\b"),
    _banner("Domino", r"lotus smtp mta|\bdomino\b"),
    _banner("MailEnable", r"mailenable"),
    _banner("CommuniGate Pro", r"communigate"),
    _banner("SmarterMail", r"smartermail"),
    _banner("FireWall-1", r"checkpoint firewall-1"),
    _banner("smap", r"smtp/smap"),
    _banner("Gmail", r"- gsmtp\b"),
    _banner("chasquid", r"\bchasquid\b"),
    _banner("Stalwart", r"\bstalwart\b"),
    _banner("James", r"\bjames\b.{0,20}smtp"),
    _banner("MailHog", r"\bmailhog\b"),
    _banner("Mailpit", r"\bmailpit\b"),
    _banner("Papercut", r"\bpapercut\b"),
    _banner("smtp4dev", r"\bsmtp4dev\b"),
    _banner("qpsmtpd", r"\bqpsmtpd\b"),
    _banner("Axigen", r"\baxigen\b"),
    _banner("Citadel", r"\bcitadel\b"),
    _banner("InterMail", r"\bintermail\b"),
    _banner("Mimecast", r"\bmimecast\b"),
    _banner("Amazon SES", r"simpleemailservice"),
)

HELLOS: Final = (
    ("haraka is at your service", "Haraka", 3),
    ("at your service, [", "Gmail", 3),
    ("x-anonymoustls", "Exchange", 3),
    ("x-exps", "Exchange", 3),
    ("x-link2state", "Exchange", 3),
    ("xexch50", "Exchange", 3),
    ("xrdst", "Exchange", 3),
    ("xverp=courier", "Courier", 3),
    ("xexdata", "Courier", 3),
    ("xsecurity=", "Courier", 3),
    ("xclient ", "Postfix", 2),
    ("xforward ", "Postfix", 2),
    ("xverp", "Postfix", 1),
    ("x_pipe_connect", "Exim", 3),
    ("pipeconnect", "Exim", 3),
    ("deliverby", "Sendmail", 2),
    ("verb", "Sendmail", 1),
)

REPLIES: Final = (
    # Postfix
    (": relay access denied", "Postfix", 3),
    ("recipient address rejected:", "Postfix", 1),
    ("sender address rejected:", "Postfix", 2),
    ("helo command rejected:", "Postfix", 2),
    ("client host rejected:", "Postfix", 2),
    ("error: command not recognized", "Postfix", 3),
    ("ok: queued as", "Postfix", 2),
    ("in local recipient table", "Postfix", 3),
    # sendmail
    ("... relaying denied", "Sendmail", 3),
    ("... relay operation rejected", "Sendmail", 3),
    ("... user unknown", "Sendmail", 3),
    ("... sender ok", "Sendmail", 3),
    ("... recipient ok", "Sendmail", 3),
    ("... domain of sender address", "Sendmail", 3),
    ("reset state", "Sendmail", 2),
    ("command unrecognized:", "Sendmail", 2),
    ("hostname required", "Sendmail", 1),
    # Exim
    ("relay not permitted", "Exim", 2),
    ("unrouteable address", "Exim", 3),
    ("administrative prohibition", "Exim", 2),
    ("restricted characters in address", "Exim", 3),
    ("reset ok", "Exim", 2),
    ("recipient address must contain a domain", "Exim", 3),
    ("unrecognized command", "Exim", 1),
    ("250 accepted", "Exim", 2),
    ("ok id=", "Exim", 3),
    # qmail
    ("allowed rcpthosts", "qmail", 3),
    ("unimplemented (#5.5.1)", "qmail", 3),
    ("250 flushed", "qmail", 3),
    ("(#5.", "qmail", 2),
    (" qp ", "qmail", 2),
    # Exchange
    ("unable to relay", "Exchange", 3),
    ("tenantattribution", "Exchange", 3),
    ("recipientnotfound", "Exchange", 3),
    ("250 2.0.0 resetting", "Exchange", 3),
    ("queued mail for delivery", "Exchange", 3),
    ("client was not authenticated", "Exchange", 3),
    ("relaying is prohibited", "Exchange", 2),
    # OpenSMTPD
    ("invalid command: ", "OpenSMTPD", 2),
    ("destination address valid", "OpenSMTPD", 3),
    ("550 invalid recipient", "OpenSMTPD", 2),
    # others
    ("i cannot deliver mail for", "Haraka", 3),
    ("bare line-feed; see", "Haraka", 3),
    ("513 relaying denied", "Courier", 3),
    ("delivery is not allowed to this address", "hMailServer", 3),
    ("send to a non-local e-mail address", "MailEnable", 3),
    ("listed in domino directory", "Domino", 3),
    ("not local host", "IMail", 2),
    ("relay not allowed.", "Stalwart", 1),
    ("503 5.7.1 relay not allowed", "chasquid", 3),
    ("your access to this mail system has been rejected", "IronPort", 3),
    ("no such domain at this location", "Barracuda", 3),
)
