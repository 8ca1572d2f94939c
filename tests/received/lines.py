# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501
"""Received lines in the forms of several programs, with what they say: helo, name, address, by, with, id, for, date."""

from __future__ import annotations

LINES = {
    "postfix": (
        "from tester.example (rdns.example [198.51.100.7])\r\n\tby mail.a.com (Postfix) with ESMTPS id 4Kq1Zx2\r\n"
        "\tfor <v@proof.example.net>; Tue, 24 Nov 2026 03:12:09 +0900 (JST)",
        (
            "tester.example",
            "rdns.example",
            "198.51.100.7",
            "mail.a.com",
            "ESMTPS",
            "4Kq1Zx2",
            "v@proof.example.net",
            "2026-11-24T03:12:09+09:00",
        ),
    ),
    "postfix, no reverse name": (
        "from stranger (unknown [172.22.1.1]) by mail.a.com (Postfix) with ESMTP id 1; Tue, 24 Nov 2026 03:12:09 +0900",
        ("stranger", "", "172.22.1.1", "mail.a.com", "ESMTP", "1", "", "2026-11-24T03:12:09+09:00"),
    ),
    "postfix, IPv6, TLS": (
        "from tester.example (unknown [IPv6:2001:db8:7::7]) (using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256"
        " bits) key-exchange X25519) (No client certificate requested) by mail.a.com (Postfix) with ESMTPS id 2"
        " for <v@p.example>; Mon, 23 Nov 2026 18:12:09 +0000 (UTC)",
        (
            "tester.example",
            "",
            "2001:db8:7::7",
            "mail.a.com",
            "ESMTPS",
            "2",
            "v@p.example",
            "2026-11-23T18:12:09+00:00",
        ),
    ),
    "postfix, local": (
        "by mail.a.com (Postfix, from userid 1000) id 3; Mon, 23 Nov 2026 18:12:09 +0000 (UTC)",
        ("", "", "", "mail.a.com", "", "3", "", "2026-11-23T18:12:09+00:00"),
    ),
    "sendmail": (
        "from tester.example (rdns.example [198.51.100.7]) by mail.a.com (8.17.1.9/8.17.1.9/Debian-2) with ESMTPS id"
        " 4ANIC9xx012345 (version=TLSv1.3 cipher=TLS_AES_256_GCM_SHA384 bits=256 verify=NO) for <v@p.example>;"
        " Tue, 24 Nov 2026 03:12:09 +0900",
        (
            "tester.example",
            "rdns.example",
            "198.51.100.7",
            "mail.a.com",
            "ESMTPS",
            "4ANIC9xx012345",
            "v@p.example",
            "2026-11-24T03:12:09+09:00",
        ),
    ),
    "sendmail, may be forged": (
        "from tester.example ([198.51.100.7] (may be forged)) by mail.a.com (8.9.3/3.7W01/22/01) with ESMTP id LAA01234;"
        " Tue, 23 Jan 2001 11:41:57 -0500 (EST)",
        ("tester.example", "", "198.51.100.7", "mail.a.com", "ESMTP", "LAA01234", "", "2001-01-23T11:41:57-05:00"),
    ),
    "sendmail with ident": (
        "from x (root@rdns.example [198.51.100.7]) by mail.a.com (8.8.8/8.8.8) with SMTP id A1; Tue, 23 Jan 01 1:02 JST",
        ("x", "rdns.example", "198.51.100.7", "mail.a.com", "SMTP", "A1", "", "2001-01-23T01:02:00+09:00"),
    ),
    "sendmail 8.7.1, the relay of the report": (
        "from 216.76.216.45 (host-216-76-216-45.dab.bellsouth.net [216.76.216.45]) by ns.a.co.jp with SMTP (8.7.1/8.7.1)"
        " id SAA13665; Mon, 16 Oct 2000 18:07:18 +0900 (JST)",
        (
            "216.76.216.45",
            "host-216-76-216-45.dab.bellsouth.net",
            "216.76.216.45",
            "ns.a.co.jp",
            "SMTP",
            "SAA13665",
            "",
            "2000-10-16T18:07:18+09:00",
        ),
    ),
    "exim": (
        "from rdns.example ([198.51.100.7] helo=tester.example) by mail.a.com with esmtps  (TLS1.3) tls"
        " TLS_AES_256_GCM_SHA384 (Exim 4.96) (envelope-from <s@sender.example>) id 1rABCD-000123-0X for v@p.example;"
        " Tue, 24 Nov 2026 03:12:09 +0900",
        (
            "tester.example",
            "rdns.example",
            "198.51.100.7",
            "mail.a.com",
            "esmtps",
            "1rABCD-000123-0X",
            "v@p.example",
            "2026-11-24T03:12:09+09:00",
        ),
    ),
    "exim, no reverse name": (
        "from [198.51.100.7] (helo=tester.example) by mail.a.com with esmtp (Exim 4.96) id 1r; Tue, 24 Nov 2026 03:12:09 +0900",
        ("tester.example", "", "198.51.100.7", "mail.a.com", "esmtp", "1r", "", "2026-11-24T03:12:09+09:00"),
    ),
    "exim with port": (
        "from [198.51.100.7] (port=40112 helo=[203.0.113.9]) by mail.a.com with smtp id 1r; Tue, 24 Nov 2026 03:12:09 +0900",
        ("[203.0.113.9]", "", "198.51.100.7", "mail.a.com", "smtp", "1r", "", "2026-11-24T03:12:09+09:00"),
    ),
    "exim with port in the brackets' tail": (
        "from rdns.example ([198.51.100.7]:40112 helo=tester.example) by mail.a.com with esmtp id 1r; 24 Nov 2026 03:12:09 +0900",
        (
            "tester.example",
            "rdns.example",
            "198.51.100.7",
            "mail.a.com",
            "esmtp",
            "1r",
            "",
            "2026-11-24T03:12:09+09:00",
        ),
    ),
    "exim, helo equals the name": (
        "from tester.example ([198.51.100.7]) by mail.a.com with esmtp (Exim 4.96) id 1r; Tue, 24 Nov 2026 03:12:09 +0900",
        (
            "tester.example",
            "tester.example",
            "198.51.100.7",
            "mail.a.com",
            "esmtp",
            "1r",
            "",
            "2026-11-24T03:12:09+09:00",
        ),
    ),
    "qmail": (
        "from rdns.example (HELO tester.example) (198.51.100.7) by mail.a.com with SMTP; 23 Nov 2026 18:12:09 -0000",
        ("tester.example", "rdns.example", "198.51.100.7", "mail.a.com", "SMTP", "", "", "2026-11-23T18:12:09+00:00"),
    ),
    "qmail with ident": (
        "from unknown (HELO tester.example) (joe@198.51.100.7) by 0 with SMTP; 23 Nov 2026 18:12:09 -0000",
        ("tester.example", "", "198.51.100.7", "0", "SMTP", "", "", "2026-11-23T18:12:09+00:00"),
    ),
    "qmail, helo equals the name": (
        "from ns.a.co.jp (@198.51.100.7) by mail.pimpdaddy.com with SMTP; 16 Oct 2000 08:54:40 -0000",
        ("ns.a.co.jp", "ns.a.co.jp", "198.51.100.7", "mail.pimpdaddy.com", "SMTP", "", "", "2000-10-16T08:54:40+00:00"),
    ),
    "qmail, masked as in the report": (
        "from ns.a.co.jp (@***.***.***.***) by mail.pimpdaddy.com with SMTP; 16 Oct 2000 08:54:40 -0000",
        ("ns.a.co.jp", "ns.a.co.jp", "", "mail.pimpdaddy.com", "SMTP", "", "", "2000-10-16T08:54:40+00:00"),
    ),
    "qmail, its own note": (
        "(qmail 17970 invoked by uid 407); 16 Oct 2000 08:54:41 -0000",
        ("", "", "", "", "", "", "", "2000-10-16T08:54:41+00:00"),
    ),
    "opensmtpd": (
        "from tester.example (rdns.example [198.51.100.7]) by mail.a.com (OpenSMTPD) with ESMTP id 1a2b3c4d"
        " for <v@p.example>; Tue, 24 Nov 2026 03:12:09 +0900 (JST)",
        (
            "tester.example",
            "rdns.example",
            "198.51.100.7",
            "mail.a.com",
            "ESMTP",
            "1a2b3c4d",
            "v@p.example",
            "2026-11-24T03:12:09+09:00",
        ),
    ),
    "opensmtpd, IPv6": (
        "from tester.example (<unknown> [2001:db8:7::7]) by mail.a.com (OpenSMTPD) with ESMTPS id 1a"
        " (TLSv1.3:TLS_AES_256_GCM_SHA384:256:NO) for <v@p.example>; Tue, 24 Nov 2026 03:12:09 +0900",
        (
            "tester.example",
            "",
            "2001:db8:7::7",
            "mail.a.com",
            "ESMTPS",
            "1a",
            "v@p.example",
            "2026-11-24T03:12:09+09:00",
        ),
    ),
    "haraka": (
        "from tester.example (rdns.example [198.51.100.7])\r\n\tby mail.a.com (Haraka/3.0.3) with ESMTP id 0A1B.1\r\n"
        "\tenvelope-from <s@sender.example>;\r\n\tTue, 24 Nov 2026 03:12:09 +0900",
        (
            "tester.example",
            "rdns.example",
            "198.51.100.7",
            "mail.a.com",
            "ESMTP",
            "0A1B.1",
            "",
            "2026-11-24T03:12:09+09:00",
        ),
    ),
    "haraka, no reverse name": (
        "from tester.example (Unknown [198.51.100.7]) by mail.a.com (Haraka) with ESMTPS id X.1 (version=TLSv1.3"
        " cipher=TLS_AES_256_GCM_SHA384 verify=NO); Tue, 24 Nov 2026 03:12:09 +0900",
        ("tester.example", "", "198.51.100.7", "mail.a.com", "ESMTPS", "X.1", "", "2026-11-24T03:12:09+09:00"),
    ),
    "exchange": (
        "from tester.example (198.51.100.7) by SRV.a.com (10.1.1.5) with Microsoft SMTP Server (version=TLS1_2,"
        " cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384) id 15.1.2507.35; Tue, 24 Nov 2026 03:12:09 +0900",
        (
            "tester.example",
            "",
            "198.51.100.7",
            "SRV.a.com",
            "Microsoft SMTP Server",
            "15.1.2507.35",
            "",
            "2026-11-24T03:12:09+09:00",
        ),
    ),
    "exchange, IPv6": (
        "from A.prod.example (2001:db8:7::7) by B.prod.example (2001:db8:8::8) with Microsoft SMTP Server id"
        " 15.20.9000.1 via Frontend Transport; Mon, 23 Nov 2026 18:12:09 +0000",
        (
            "A.prod.example",
            "",
            "2001:db8:7::7",
            "B.prod.example",
            "Microsoft SMTP Server",
            "15.20.9000.1",
            "",
            "2026-11-23T18:12:09+00:00",
        ),
    ),
    "exchange, old SMTPSVC": (
        "from tester.example ([198.51.100.7]) by srv.a.com with Microsoft SMTPSVC(6.0.3790.4675); Tue, 24 Nov 2026"
        " 03:12:09 +0900",
        ("tester.example", "", "198.51.100.7", "srv.a.com", "Microsoft SMTPSVC", "", "", "2026-11-24T03:12:09+09:00"),
    ),
    "gmail": (
        "from tester.example (rdns.example. [198.51.100.7]) by mx.google.com with ESMTPS id d9443c01a7336si123plx.1"
        " for <v@p.example> (version=TLS1_3 cipher=TLS_AES_256_GCM_SHA384 bits=256/256); Mon, 23 Nov 2026 10:12:09 -0800 (PST)",
        (
            "tester.example",
            "rdns.example",
            "198.51.100.7",
            "mx.google.com",
            "ESMTPS",
            "d9443c01a7336si123plx.1",
            "v@p.example",
            "2026-11-23T10:12:09-08:00",
        ),
    ),
    "courier": (
        "from tester.example (rdns.example [::ffff:198.51.100.7]) (AUTH: LOGIN x) by mail.a.com with ESMTP id 0000.1;"
        " Tue, 24 Nov 2026 03:12:09 +0900",
        (
            "tester.example",
            "rdns.example",
            "198.51.100.7",
            "mail.a.com",
            "ESMTP",
            "0000.1",
            "",
            "2026-11-24T03:12:09+09:00",
        ),
    ),
    "james": (
        "from rdns.example (EHLO tester.example) ([198.51.100.7]) by mail.a.com (JAMES SMTP Server ) with ESMTP ID 7;"
        " Tue, 24 Nov 2026 03:12:09 +0900 (JST)",
        ("tester.example", "rdns.example", "198.51.100.7", "mail.a.com", "ESMTP", "7", "", "2026-11-24T03:12:09+09:00"),
    ),
    "domino": (
        "from tester.example ([198.51.100.7]) by mail.a.com (Lotus Domino Release 8.5.3) with ESMTP id"
        " 2026112403120900-12 ; Tue, 24 Nov 2026 03:12:09 +0900",
        (
            "tester.example",
            "",
            "198.51.100.7",
            "mail.a.com",
            "ESMTP",
            "2026112403120900-12",
            "",
            "2026-11-24T03:12:09+09:00",
        ),
    ),
    "communigate": (
        "from [198.51.100.7] (HELO tester.example) by mail.a.com (CommuniGate Pro SMTP 6.2.14) with ESMTP id 5;"
        " Tue, 24 Nov 2026 03:12:09 +0900",
        ("tester.example", "", "198.51.100.7", "mail.a.com", "ESMTP", "5", "", "2026-11-24T03:12:09+09:00"),
    ),
    "amavis": (
        "from mail.a.com ([127.0.0.1]) by localhost (mail.a.com [127.0.0.1]) (amavisd-new, port 10024) with ESMTP id x"
        " for <v@p.example>; Tue, 24 Nov 2026 03:12:09 +0900 (JST)",
        ("mail.a.com", "", "127.0.0.1", "localhost", "ESMTP", "x", "v@p.example", "2026-11-24T03:12:09+09:00"),
    ),
    "a HELO that plays with brackets": (
        'from "x) (y" (rdns.example [198.51.100.7]) by mail.a.com with SMTP id 1; Tue, 24 Nov 2026 03:12:09 +0900',
        ('"x) (y"', "rdns.example", "198.51.100.7", "mail.a.com", "SMTP", "1", "", "2026-11-24T03:12:09+09:00"),
    ),
}
