# SPDX-License-Identifier: Apache-2.0
"""What comes back is read by the token in its envelope recipient, then by its header."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumidai.evidence.proof import Arrival, ProofKind, Where
from fumidai.evidence.token import Role, TokenKey, make_token
from fumidai.judge.proofs import TOKEN_FIELD, read_proof
from fumidai.tester.message import TOKEN_HEADER

KEY = TokenKey(b"k" * 32)
RUN, OTHER_RUN = b"run-1", b"run-2"
RCPT = make_token(KEY, RUN, 7, Role.RECIPIENT)
SENDER = make_token(KEY, RUN, 7, Role.SENDER)
HEADER = make_token(KEY, RUN, 7, Role.HEADER)
OURS = (
    f"Received: from mail.a.test by sink; Tue, 24 Nov 2026 03:12:09 +0900\r\nFrom: Relay test <{SENDER}@p.test>\r\n"
    f"Subject: Relay test {HEADER}\r\nMessage-ID: <{HEADER}@tester.test>\r\nAuto-Submitted: auto-generated\r\n"
    f"{TOKEN_HEADER}: {HEADER}\r\n\r\nbody\r\n"
).encode()
BOUNCE = b"From: MAILER-DAEMON\r\nSubject: Undelivered mail\r\nAuto-Submitted: auto-replied\r\n\r\n" + OURS


def arrival(*recipients: str, message: bytes = OURS, reverse_path: str | None = f"{SENDER}@p.test") -> Arrival:
    return Arrival("new/1", 1.0, "192.0.2.25", "mail.a.test", reverse_path, recipients, message)


def kinds(arrived: Arrival, **more) -> list[tuple[ProofKind, Where]]:
    return [(proof.kind, proof.where) for proof in read_proof(KEY, RUN, arrived, **more)]


DELIVERY = [(ProofKind.DELIVERY, Where.ENVELOPE)]
BOUNCED = [(ProofKind.BOUNCE, Where.ENVELOPE)]


def test_the_header_field_is_the_one_that_the_tester_writes():
    assert TOKEN_HEADER.lower().encode() == TOKEN_FIELD


def test_a_recipient_token_is_a_delivery():
    (proof,) = read_proof(KEY, RUN, arrival(f"{RCPT}@p.test"))
    assert (proof.attempt, proof.token, proof.kind, proof.where) == (7, RCPT, ProofKind.DELIVERY, Where.ENVELOPE)
    assert proof.recipient == f"{RCPT}@p.test"
    assert not proof.automatic


@pytest.mark.parametrize("form", ['"{}@p.test"@p.test', "{}%p.test@p.test", "p.test!{}@p.test", "SRS0=a=b=c={}@p.test"])
def test_in_whatever_form_it_came(form):
    assert kinds(arrival(form.format(RCPT.upper()))) == DELIVERY


def test_a_sender_token_is_a_bounce_whoever_wrote_it():
    assert kinds(arrival(f"{SENDER}@p.test", message=BOUNCE, reverse_path="")) == BOUNCED
    assert kinds(arrival(f"{SENDER}@p.test", message=OURS, reverse_path="x@b.test")) == BOUNCED
    assert kinds(arrival(f"SRS0=hh=tt=p.test={SENDER}@p.test", message=BOUNCE, reverse_path="")) == BOUNCED


def test_a_row_without_sender_is_delivered_without_sender():
    (proof,) = read_proof(KEY, RUN, arrival(f"{RCPT}@p.test", reverse_path=""))
    assert proof.kind is ProofKind.DELIVERY
    assert proof.automatic


@pytest.mark.parametrize(
    ("headers", "reverse_path"),
    [
        ("Auto-Submitted: auto-replied (vacation)", "user@a.test"),
        ("Auto-Submitted: auto-generated", "user@a.test"),
        ("Auto-Submitted:\r\n (comment) Auto-Replied; x=y", "user@a.test"),
        (f"Auto-Submitted: auto-replied\r\nSubject: Re: Relay test {HEADER}\r\nReferences: <{HEADER}@t>", "u@a.test"),
        ("Subject: Undelivered", ""),
    ],
)
def test_an_answer_to_the_recipient_is_no_delivery(headers, reverse_path):
    message = headers.encode() + b"\r\n\r\n" + OURS
    (proof,) = read_proof(KEY, RUN, arrival(f"{RCPT}@p.test", message=message, reverse_path=reverse_path))
    assert proof.kind is ProofKind.BOUNCE
    assert proof.automatic


@pytest.mark.parametrize("value", ["no", "No (human)"])
def test_a_message_that_says_it_is_not_automatic(value):
    message = f"Auto-Submitted: {value}\r\n\r\nx".encode()
    assert kinds(arrival(f"{RCPT}@p.test", message=message, reverse_path="x@y")) == DELIVERY


def test_a_relay_that_strips_our_fields_has_still_delivered():
    assert kinds(arrival(f"{RCPT}@p.test", message=b"\r\nbody", reverse_path="x@y")) == DELIVERY


def test_where_both_addresses_are_one_a_null_sender_is_a_bounce():
    arrived = arrival(f"{RCPT}@p.test", reverse_path="")
    assert kinds(arrived, one_address={7}) == BOUNCED
    assert kinds(arrived, one_address={8}) == DELIVERY
    assert kinds(arrival(f"{RCPT}@p.test", reverse_path=f"{RCPT}@p.test"), one_address={7}) == DELIVERY
    replied = OURS.replace(b"auto-generated", b"auto-replied")
    assert kinds(arrival(f"{RCPT}@p.test", message=replied, reverse_path="x@y"), one_address={7}) == BOUNCED


def test_without_a_token_in_the_envelope_the_header_decides():
    assert kinds(arrival("postmaster@p.test")) == [(ProofKind.DELIVERY, Where.HEADER)]
    quoting = f"Subject: Re: Relay test {HEADER}\r\nIn-Reply-To: <{HEADER}@t>\r\n\r\n".encode() + OURS
    assert kinds(arrival("postmaster@p.test", message=quoting)) == [(ProofKind.BOUNCE, Where.HEADER)]
    (proof,) = read_proof(KEY, RUN, arrival("postmaster@p.test"))
    assert (proof.token, proof.recipient) == (HEADER, "")


def test_the_envelope_outranks_the_header():
    other = make_token(KEY, RUN, 9, Role.RECIPIENT)
    (proof,) = read_proof(KEY, RUN, arrival(f"{other}@p.test", reverse_path="x@y"))
    assert proof.attempt == 9


def test_a_bounce_is_not_read_by_its_body():
    assert kinds(arrival("postmaster@p.test", message=BOUNCE, reverse_path="")) == []


def test_several_recipients_are_several_proofs_and_repetition_is_one():
    other = make_token(KEY, RUN, 9, Role.RECIPIENT)
    proofs = read_proof(KEY, RUN, arrival(f"{RCPT}@p.test", f"{other}@p.test", f"{RCPT}@p.test"))
    assert [proof.attempt for proof in proofs] == [7, 9]


def test_other_runs_and_other_keys_prove_nothing():
    foreign = make_token(KEY, OTHER_RUN, 7, Role.RECIPIENT)
    assert kinds(arrival(f"{foreign}@p.test", message=b"\r\n")) == []
    strange = make_token(TokenKey(b"x" * 32), RUN, 7, Role.RECIPIENT)
    assert kinds(arrival(f"{strange}@p.test", message=b"\r\n")) == []


def test_a_message_id_alone_makes_it_ours():
    stripped = b"\r\n".join(line for line in OURS.split(b"\r\n") if not line.lower().startswith(TOKEN_FIELD))
    assert kinds(arrival(f"{RCPT}@p.test", message=stripped, reverse_path="")) == DELIVERY


def test_a_folded_field_with_bare_line_feeds_is_read():
    message = f"Received: x\nX-Fumidai-Test:\n {HEADER}\n\nbody".encode()
    assert kinds(arrival("other@p.test", message=message)) == [(ProofKind.DELIVERY, Where.HEADER)]


@given(st.binary(max_size=400), st.text(max_size=60), st.none() | st.text(max_size=20))
def test_nothing_strange_breaks_it(message, recipient, reverse_path):
    assert read_proof(KEY, RUN, arrival(recipient, message=message, reverse_path=reverse_path)) == ()
    assert kinds(arrival(f"{RCPT}@p.test", recipient, message=message, reverse_path="x@y"))
