# SPDX-License-Identifier: Apache-2.0
"""An original comes out of a report as it was put in, and where it stands is known."""

from __future__ import annotations

import email
import email.policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumidai.trace.attached import originals
from fumidai.trace.letter import How
from fumidai.trace.letters import letters
from tests.trace.mail import report, spam

#: What a library would mend: blanks after a name, a field without any, tabs, empty and stray lines, eight bits, NUL.
ODD = (
    b"Received :from a by b;\t1 Jan 2001 00:00:00 +0000\n"
    b"X:\nSubject:x\nTo:  \n\t \nno field at all\nReceived: by \xe8\xb8\x8f (c)\n\0\n\n"
    b"--\n--part-\n--partition\nbody\n\n\n"
)


def crlf(data: bytes) -> bytes:
    """As it travels."""
    return data.replace(b"\n", b"\r\n")


@pytest.mark.parametrize("end", [bytes, crlf])
@pytest.mark.parametrize("kind", ["message/rfc822", "text/rfc822-headers"])
@pytest.mark.parametrize("original", [spam(), ODD, b"", b"\n", spam() + b"--x\n" * 99])
def test_octet_for_octet(original: bytes, kind: str, end: type[bytes]) -> None:
    found = end(report(original, kind=kind))
    mail = email.message_from_bytes(found, policy=email.policy.compat32)
    ((message, at),) = originals(mail, found)
    assert message == end(original)
    assert at is not None
    assert found[at : at + len(message)] == message


def test_of_several_inside_others() -> None:
    inside = report(spam(3)).partition(b"MIME-Version: 1.0\n")[2]
    inside = inside.replace(b'"part"', b'"in"').replace(b"--part", b"--in")
    parts = (inside, b"Content-Type: message/rfc822\n\n" + ODD)
    found = b'Content-Type: multipart/mixed; boundary="all"\n\n' + b"".join(b"--all\n" + one + b"\n" for one in parts)
    mail = email.message_from_bytes(found, policy=email.policy.compat32)
    assert [one.message for one in originals(mail, found)] == [spam(3), ODD + b"\n"]


@pytest.mark.parametrize("end", [bytes, crlf])
def test_every_line_is_where_its_span_says(end: type[bytes]) -> None:
    found = end(report(spam().replace(b"Received: from pc", b"Received:from pc")))
    (letter,) = letters(found, "it")
    assert letter.origin.how is How.ATTACHED
    for hop in letter.head.hops:
        first, last = letter.span(hop.span)
        assert found[first:last] == hop.raw


@given(st.binary(max_size=200), st.sampled_from([b"--part\n", b"--part--\n", b"\n\n", b"Content-Type: "]))
def test_whatever_is_attached(noise: bytes, piece: bytes) -> None:
    """What is said to stand somewhere stands there."""
    found = report(spam() + noise + piece + noise)
    mail = email.message_from_bytes(found, policy=email.policy.compat32)
    for one in originals(mail, found):
        assert one.at is None or found[one.at :].startswith(one.message)
