# SPDX-License-Identifier: Apache-2.0
"""Thousands of parts inside each other: one such message must not end the trace of a mailbox."""

from __future__ import annotations

import pytest

from fumidai.trace.letters import letters
from fumidai.trace.work import Question, trace_letter
from tests.trace.mail import spam

PARTS = b"".join(
    b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (number, number) for number in range(3000)
)
NESTED = {
    "report": b"X-ARF: PLAIN\n" + PARTS + b"Content-Type: message/rfc822\n\n" + spam(),
    "no head": PARTS + b"Content-Type: message/rfc822\n\n" + spam(),
    "messages": b"X-ARF: PLAIN\nContent-Type: multipart/mixed; boundary=b\n\n--b\n"
    + b"Content-Type: message/rfc822\n\n" * 3000
    + spam(),
    "base64": PARTS + b"Content-Transfer-Encoding: base64\n\nAAAA\n",
}


@pytest.mark.parametrize("name", NESTED)
def test_there_is_an_answer(name: str) -> None:
    found = letters(NESTED[name], "it")
    assert found
    for letter in found:
        trace_letter(letter, Question())
