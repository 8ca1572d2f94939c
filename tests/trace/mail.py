# SPDX-License-Identifier: Apache-2.0
"""Messages, mailboxes and reports for the tests of this room."""

from __future__ import annotations

SPAM = b"""\
Received: from relay.a.test (relay.a.test [192.0.2.25]) by mx.example.net (Postfix) with ESMTP id 4Xk1; \
Mon, 2 Mar 2026 10:00:05 +0000 (UTC)
Received: from pc (dial-7.example.org [203.0.113.7]) by relay.a.test (8.9.3/8.9.3) with SMTP id KAA00042; \
Mon, 2 Mar 2026 10:00:01 GMT
From: lucky@example.org
To: you@example.net
Subject: number %d

Text of number %d.
>From here on it is quoted.
"""


def spam(number: int = 1) -> bytes:
    """A message that a relay passed on."""
    return SPAM.replace(b"%d", str(number).encode())


def mailbox(count: int, line_end: bytes = b"\n") -> bytes:
    """An mbox of so many messages."""
    box = b"".join(
        b"From lucky@example.org Mon Mar  2 10:00:%02d 2026\n" % (number % 60) + spam(number) + b"\n"
        for number in range(1, count + 1)
    )
    return box.replace(b"\n", line_end)


def report(original: bytes, *, kind: str = "message/rfc822", encoding: str = "7bit") -> bytes:
    """An abuse report in ARF (RFC 5965), with Received lines of its own."""
    import base64

    inside = base64.encodebytes(original) if encoding == "base64" else original
    return (
        b"Received: from desk.example.com ([198.51.100.1]) by mx.example.net (Postfix) with ESMTP id 9;"
        b"\n Tue, 3 Mar 2026 10:00:05 +0000\n"
        b"From: abuse@example.com\nMIME-Version: 1.0\n"
        b'Content-Type: multipart/report; report-type=feedback-report; boundary="part"\n\n'
        b"--part\nContent-Type: text/plain\n\nSee below.\n\n"
        b"--part\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nUser-Agent: Desk/1.0\nVersion: 1\n\n"
        b"--part\nContent-Type: " + kind.encode() + b"\nContent-Transfer-Encoding: " + encoding.encode() + b"\n\n"
        + inside + b"\n--part--\n"
    )  # fmt: skip
