# SPDX-License-Identifier: Apache-2.0
"""Maildirs of our sink and of others, read as arrivals."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumidai.errors import StorageError
from fumidai.evidence.proof import Arrival
from fumidai.evidence.token import Role, TokenKey, make_token
from fumidai.store.maildir import MOST, deliver, new_messages, read_message

TOKEN = make_token(TokenKey(b"k" * 32), b"run-1", 7, Role.RECIPIENT)
BY = "[192.0.2.7] (Fumidai sink 0123456789ab)"


def arrival(**more) -> Arrival:
    base = {
        "file": "",
        "received": 1_790_000_000.0,
        "peer": "192.0.2.25",
        "helo": "mail.a.test",
        "reverse_path": "sender@p.test",
        "recipients": (f"{TOKEN}@p.test", "postmaster@p.test"),
        "message": b"Subject: x\r\n\r\n.dot\r\n\x00\xff\r\n",
    }
    return Arrival(**{**base, **more})


def test_what_our_sink_delivers_is_read_back(tmp_path):
    name = deliver(tmp_path, arrival(), BY)
    assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    (read,) = new_messages(tmp_path, set())
    assert read.file == name
    assert read.recipients == arrival().recipients
    assert (read.reverse_path, read.peer, read.helo) == ("sender@p.test", "192.0.2.25", "mail.a.test")
    assert read.message.endswith(arrival().message)
    assert read.message.startswith(b"Return-Path: <sender@p.test>\r\nDelivered-To: ")
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_null_sender_and_an_ipv6_peer(tmp_path):
    deliver(tmp_path, arrival(reverse_path="", peer="2001:db8::25", helo="[IPv6:2001:db8::25]"), BY)
    (read,) = new_messages(tmp_path, set())
    assert (read.reverse_path, read.peer, read.helo) == ("", "2001:db8::25", "[IPv6:2001:db8::25]")


def test_each_message_is_seen_once_wherever_it_moves(tmp_path):
    seen: set[str] = set()
    name = deliver(tmp_path, arrival(), BY)
    assert len(new_messages(tmp_path, seen)) == 1
    assert new_messages(tmp_path, seen) == []
    (tmp_path / name).rename(tmp_path / "cur" / f"{os.path.basename(name)}:2,S")
    assert new_messages(tmp_path, seen) == []
    deliver(tmp_path, arrival(), BY)
    assert len(new_messages(tmp_path, seen)) == 1


def test_older_messages_are_passed_over(tmp_path):
    os.utime(tmp_path / deliver(tmp_path, arrival(), BY), (100, 100))
    fresh = deliver(tmp_path, arrival(), BY)
    assert [read.file for read in new_messages(tmp_path, set(), since=200)] == [fresh]


POSTFIX = (
    f"Return-Path: <s@p.test>\nX-Original-To: {TOKEN}@p.test\nDelivered-To: all@p.test\nReceived: from a\n\tby b; x\n"
)
DOVECOT = f"Return-Path: <>\nDelivered-To: box@p.test\nReceived: by c\nX-Original-To: {TOKEN}@p.test\n"
EXIM = f"Return-path: <s@p.test>\nEnvelope-to: {TOKEN}@p.test\nDelivery-date: x\nReceived: from a\n"
QMAIL = f"Return-Path: <s@p.test>\nDelivered-To: p-{TOKEN}@p.test\nReceived: (qmail 1)\nDelivered-To: inner@a.test\n"


@pytest.mark.parametrize("head", [POSTFIX, DOVECOT, EXIM, QMAIL, POSTFIX.replace("\n", "\r\n")])
def test_what_other_servers_deliver_is_read_too(head):
    read = read_message(head.encode() + b"Subject: x\n\nDelivered-To: body@x\n", "new/1", 5.0)
    assert len(read.recipients) == 1
    assert TOKEN in read.recipients[0]
    assert read.reverse_path == ("" if "<>" in head else "s@p.test")
    assert (read.peer, read.helo, read.received) == ("", "", 5.0)


def test_the_topmost_token_decides_not_one_further_down():
    other = make_token(TokenKey(b"k" * 32), b"run-1", 8, Role.SENDER)
    head = f"Delivered-To: {TOKEN}@p.test\nX-Original-To: {other}@p.test\n\n"
    assert read_message(head.encode(), "x", 0).recipients == (f"{TOKEN}@p.test",)


def test_a_message_without_envelope_lines():
    read = read_message(b"Subject: x\n\nbody", "x", 0)
    assert (read.recipients, read.reverse_path) == ((), None)


def test_a_received_line_of_others_is_not_believed_to_be_ours():
    read = read_message(b"Received: from x ([192.0.2.1]) by y\n\nz", "x", 0)
    assert read.peer == ""


@pytest.mark.parametrize("text", ["a\r\nEvil: x", "\x00", "<a>", "名前", "x y"])
def test_text_of_a_peer_can_not_write_header_lines(tmp_path, text):
    deliver(tmp_path, arrival(helo=text, reverse_path=text, recipients=(text,)), BY)
    (read,) = new_messages(tmp_path, set())
    head = read.message[: read.message.index(b"Subject:")]
    assert [line.split(b":")[0] for line in head.split(b"\r\n")[:4]] == [
        b"Return-Path",
        b"Delivered-To",
        b"Received",
        b"\tby [192.0.2.7] (Fumidai sink 0123456789ab) with ESMTP; Mon, 21 Sep 2026 14",
    ]


def test_a_folder_that_is_no_maildir(tmp_path):
    with pytest.raises(StorageError) as caught:
        new_messages(tmp_path, set())
    assert "fumidai sink" in caught.value.mend


def test_a_maildir_that_can_not_be_made(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError):
        deliver(tmp_path / "file", arrival(), BY)


def test_a_huge_message_is_read_in_part(tmp_path):
    deliver(tmp_path, arrival(message=b"x" * (2 * MOST)), BY)
    (read,) = new_messages(tmp_path, set())
    assert len(read.message) == MOST


@given(st.binary(max_size=500))
def test_no_message_breaks_it(message):
    read_message(message, "x", 0)
