# SPDX-License-Identifier: Apache-2.0
"""Software told from banners, EHLO replies and wording; nothing where nothing tells."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumidai.dialects.software import identify
from fumidai.evidence.result import Software

BANNERS = [
    ("220 mail.a.com ESMTP Postfix", "Postfix", ""),
    ("220 mail.a.com ESMTP Postfix (Debian/GNU)", "Postfix", ""),
    ("220 mail.a.com ESMTP Postfix (2.5.1)", "Postfix", "2.5.1"),
    ("220 mail.a.com ESMTP Postfix 3.7.11", "Postfix", "3.7.11"),
    (
        "220 mail.a.com ESMTP Sendmail 8.17.1.9/8.17.1.9/Debian-2; Tue, 24 Nov 2026",
        "Sendmail",
        "8.17.1.9/8.17.1.9/Debian-2",
    ),
    ("220 A.co.jp ESMTP Sendmail 8.9.3 (PHNE_18546)/3.7W01/22/01; Tue, 23 Jan 2001", "Sendmail", "8.9.3"),
    ("220 ns.a.co.jp Sendmail 8.7.1/8.7.1 ready at Mon", "Sendmail", "8.7.1/8.7.1"),
    ("220 hp.a.com ESMTP Sendmail @(#)Sendmail version 8.13.3 - Revision 2.007:: HP-UX 11.11", "Sendmail", "8.13.3"),
    ("220 aix.a.com ESMTP Sendmail AIX7.1/8.14.4; Mon", "Sendmail", "8.14.4"),
    ("220 sun.a.com Sendmail SMI-8.6/SMI-SVR4 ready", "Sendmail", "8.6/SMI-SVR4"),
    ("220 mail.a.com ESMTP Exim 4.96 Tue, 24 Nov 2026 03:00:00 +0900", "Exim", "4.96"),
    ("220-srv.a.com ESMTP Exim 4.98.1 #2 Tue\r\n220-We do not authorize the use of this system", "Exim", "4.98.1"),
    ("220 SRV.a.com Microsoft ESMTP MAIL Service ready at Tue, 24 Nov 2026", "Exchange", ""),
    ("220 srv Microsoft ESMTP MAIL Service, Version: 6.0.3790.4675 ready", "Exchange", "6.0.3790.4675"),
    ("220 srv ESMTP Server (Microsoft Exchange Internet Mail Service 5.5.2653.13) ready", "Exchange", "5.5.2653.13"),
    ("220 mail.a.com ESMTP OpenSMTPD", "OpenSMTPD", ""),
    ("220 mail.a.com ESMTP Haraka/3.0.3 ready", "Haraka", "3.0.3"),
    ("220 mail.a.com ESMTP Haraka 2.8.27 ready", "Haraka", "2.8.27"),
    ("220 mail.a.com ESMTP Service (Lotus Domino Release 8.5.3FP6) ready", "Domino", "8.5.3FP6"),
    ("220 mail.a.com ESMTP Service (HCL Domino Release 12.0.2) ready", "Domino", "12.0.2"),
    ("220 Lotus SMTP MTA Service Ready", "Domino", ""),
    ("220 mail.a.com ESMTP MDaemon 21.0.2; Tue", "MDaemon", "21.0.2"),
    ("220 mail.a.com ESMTP IceWarp 13.0.3.4; Tue", "IceWarp", "13.0.3.4"),
    ("220 mail.a.com ESMTP Merak 8.9.1; Tue", "IceWarp", "8.9.1"),
    ("220 mail.a.com ESMTP MailEnable Service, Version: 10.34-- ready at 11/24/26", "MailEnable", "10.34"),
    ("220 mail.a.com ESMTP CommuniGate Pro 6.2.14", "CommuniGate Pro", "6.2.14"),
    ("220 mail.a.com Kerio Connect 9.3.1 ESMTP ready", "Kerio", "9.3.1"),
    ("220 mail.a.com GroupWise Internet Agent 18.4.1 Copyright", "GroupWise", "18.4.1"),
    ("220 mail.a.com (IMail 12.5.8.42 123-1) NT-ESMTP Server X1", "IMail", "12.5.8.42"),
    ("220 mail.a.com [XMail 1.27 ESMTP Server] service ready", "XMail", "1.27"),
    ("220 mail.a.com ESMTP server ready -- Mercury/32 v4.80.149", "Mercury/32", "4.80.149"),
    ("220 mx.google.com ESMTP a1-20020si1 - gsmtp", "Gmail", ""),
    ("220 mail.a.com ESMTP chasquid", "chasquid", ""),
    ("220 mail.a.com Stalwart ESMTP at your service", "Stalwart", ""),
    ("220 mail.a.com Python SMTP 1.4.6", "aiosmtpd", "1.4.6"),
    ("220 mail.a.com ESMTP qpsmtpd 0.96 ready; send us your mail, but not your spam.", "qpsmtpd", "0.96"),
    ("220 mail.a.com ESMTP ecelerity 4.2.1.55028 r(Core:4.2.1.12) Tue", "Momentum", "4.2.1.55028"),
    ("220 a.com SMTP/smap Ready.", "smap", ""),
    ("220 CheckPoint FireWall-1 secure SMTP server", "FireWall-1", ""),
    ("220 ****************2******0****", "", ""),
    ("220 mail.a.com ESMTP", "", ""),
    ("220 eximius.example ESMTP", "", ""),
    ("220 postfix.example ESMTP", "", ""),
    ("220-sendmail.example ESMTP Postfix", "Postfix", ""),
    ("220 sendmail.example ESMTP Exim 4.96", "Exim", "4.96"),
    ("sendmail.example ESMTP Postfix", "Postfix", ""),
    ("", "", ""),
]


@pytest.mark.parametrize(("banner", "name", "version"), BANNERS)
def test_banner(banner: str, name: str, version: str) -> None:
    assert identify(banner, [], []) == Software(name, version)


@pytest.mark.parametrize(
    ("hello", "replies", "name"),
    [
        (
            ["mail.a.com", "PIPELINING", "XCLIENT NAME ADDR"],
            ["454 4.7.1 <v@p.example>: Relay access denied"],
            "Postfix",
        ),
        (["mail.a.com"], ["554 5.7.1 <v@p.example>: Relay access denied"], "Postfix"),
        (["mail.a.com"], ["550 5.7.1 <v@p.example>... Relaying denied"], "Sendmail"),
        (["a.co.jp Hello x [198.51.100.7], pleased"], ["553 <v@p.example>... Relay operation rejected"], "Sendmail"),
        (["mail.a.com Hello x [198.51.100.7]", "PIPECONNECT"], [], "Exim"),
        (["mail.a.com"], ["550 relay not permitted", "550 Unrouteable address"], "Exim"),
        (["mail.a.com"], ["553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)"], "qmail"),
        (["SRV Hello [198.51.100.7]", "X-ANONYMOUSTLS"], [], "Exchange"),
        (["srv"], ["550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain"], "Exchange"),
        (
            ["m Hello x [198.51.100.7], pleased to meet you"],
            ["500 5.5.1 Invalid command: x", "550 Invalid recipient: <v@p>"],
            "OpenSMTPD",
        ),
        (["m Hello x [198.51.100.7]Haraka is at your service."], [], "Haraka"),
        (["m"], ["550 I cannot deliver mail for <v@p.example>"], "Haraka"),
        (["m", "XVERP=Courier"], [], "Courier"),
        (["m"], ["513 Relaying denied."], "Courier"),
        (["m"], ["550 Delivery is not allowed to this address."], "hMailServer"),
        # two that contradict each other, or too little: nothing is said
        (["m"], ["550 <v@p>... Relaying denied", "554 <v@p>: Relay access denied"], ""),
        (["m"], ["550 unrecognized command"], ""),
        (["m"], ["550 no"], ""),
        ([], [], ""),
    ],
)
def test_without_a_banner_the_wording_speaks(hello: list[str], replies: list[str], name: str) -> None:
    assert identify("220 mail.a.com ESMTP", hello, replies).name == name


def test_a_banner_outranks_the_wording() -> None:
    assert identify("220 m ESMTP Exim 4.96", [], ["554 <v@p>: Relay access denied"]).name == "Exim"


@given(st.text(), st.lists(st.text(), max_size=5), st.lists(st.text(), max_size=5))
def test_any_text_is_read(banner: str, hello: list[str], replies: list[str]) -> None:
    assert isinstance(identify(banner, hello, replies), Software)


@pytest.mark.parametrize(
    "piece", ["sendmail ", "microsoft esmtp mail service ", "interscan ", "james ", "8.", "postfix ("]
)
def test_a_long_banner_is_cut(piece: str) -> None:
    long = piece * (1_000_000 // len(piece))
    assert identify(long, [long], [long]) == identify(long[:1024], [long[:1024]], [long[:1024]])
