# SPDX-License-Identifier: Apache-2.0
"""What a client says: made byte for byte, read leniently, faults as values."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumidai.smtp import command
from fumidai.smtp.command import Command, Fault, Verb, parse_command, recognise


def test_makers_put_bytes_together_and_check_nothing():
    assert command.ehlo("mail.example") == b"EHLO mail.example\r\n"
    assert command.ehlo(b"\xff\0") == b"EHLO \xff\0\r\n"
    assert command.helo("é") == b"HELO \xc3\xa9\r\n"
    assert command.mail(b"<a@b>") == b"MAIL FROM:<a@b>\r\n"
    assert command.mail(b"a b", b"SIZE=1 BODY=8BITMIME") == b"MAIL FROM:a b SIZE=1 BODY=8BITMIME\r\n"
    assert command.rcpt(b"<\r\n>", b"X") == b"RCPT TO:<\r\n> X\r\n"
    assert command.vrfy(b"root") + command.expn(b"staff") == b"VRFY root\r\nEXPN staff\r\n"
    fixed = (command.DATA, command.RSET, command.NOOP, command.QUIT, command.HELP, command.STARTTLS)
    assert b"".join(fixed) == b"DATA\r\nRSET\r\nNOOP\r\nQUIT\r\nHELP\r\nSTARTTLS\r\n"


@pytest.mark.parametrize(
    ("line", "path", "params", "fault"),
    [
        (b"MAIL FROM:<a@b>\r\n", b"<a@b>", {}, None),
        (b"mail from:<a@b>", b"<a@b>", {}, None),
        (b"MAIL\tFROM : \t<a@b> ", b"<a@b>", {}, None),
        (b"MAIL FROM:<>", b"<>", {}, None),
        (
            b"MAIL FROM:<a> SIZE=1\tbody=8BITMIME  SMTPUTF8",
            b"<a>",
            {"SIZE": b"1", "BODY": b"8BITMIME", "SMTPUTF8": b""},
            None,
        ),
        (b"RCPT TO:a@b NOTIFY=NEVER", b"a@b", {"NOTIFY": b"NEVER"}, None),
        (b'RCPT TO:"a b"@c x', b'"a b"@c', {"X": b""}, None),
        (b"RCPT TO:a\\ b@c", b"a\\ b@c", {}, None),
        (b'RCPT TO:"a b', b'"a', {"B": b""}, None),
        (b'RCPT TO:<"a>b"@c>', b'<"a>b"@c>', {}, None),
        (b'RCPT TO:<"a\\">b"@c>', b'<"a\\">b"@c>', {}, None),
        (b"RCPT TO:<a\\>b@c>", b"<a\\>b@c>", {}, None),
        (b"RCPT TO:<@x,@y:a@b>", b"<@x,@y:a@b>", {}, None),
        (b'RCPT TO:<"a@b>', b'<"a@b>', {}, None),
        (b"RCPT TO:<a@b>x", b"<a@b>", {"X": b""}, Fault.GLUED),
        (b"RCPT TO:<<a@b>>", b"<<a@b>", {}, Fault.GLUED),
        (b"RCPT TO:<a@b", b"<a@b", {}, Fault.UNCLOSED),
        (b"RCPT TO:<a\\>", b"<a\\>", {}, None),
        (b"RCPT TO:", b"", {}, Fault.NO_PATH),
        (b"RCPT TO", b"", {}, Fault.NO_COLON),
        (b"RCPT <a@b>", b"", {}, Fault.NO_COLON),
        (b"MAIL TO:<a@b>", b"", {}, Fault.NO_COLON),
        (b"MAIL", b"", {}, Fault.NO_COLON),
        (b"MAIL FROM:<a> =1 !", b"<a>", {}, Fault.BAD_PARAMETER),
        (b"MAIL FROM:<a> X=", b"<a>", {}, Fault.BAD_PARAMETER),
        (b"MAIL FROM:<a> X=1 ! x=2 x=3", b"<a>", {"X": b"1"}, Fault.BAD_PARAMETER),
        (b"MAIL FROM:<a> X=1 x=2 !", b"<a>", {"X": b"1"}, Fault.REPEATED_PARAMETER),
        (b"MAIL FROM:<a> X=a=b", b"<a>", {"X": b"a=b"}, None),
    ],
)
def test_paths_and_parameters(line, path, params, fault):
    read = parse_command(line)
    assert (read.path, read.params, read.fault) == (path, params, fault)


@pytest.mark.parametrize(
    ("line", "verb", "argument"),
    [
        (b"EHLO mail.example \r\n", Verb.EHLO, b"mail.example"),
        (b"HeLo\tx", Verb.HELO, b"x"),
        (b"DATA\n", Verb.DATA, b""),
        (b"quit", Verb.QUIT, b""),
        (b"NOOP  a b ", Verb.NOOP, b"a b"),
        (b"AUTH PLAIN =", Verb.AUTH, b"PLAIN ="),
        (b"RSETX", Verb.UNKNOWN, b""),
        (b"XYZZY a", Verb.UNKNOWN, b"a"),
        (b"DATA\0", Verb.UNKNOWN, b"DATA\0"),
        (b" DATA", Verb.UNKNOWN, b"DATA"),
        (b".", Verb.UNKNOWN, b"."),
        (b"", Verb.UNKNOWN, b""),
        (b"RSET\r\nMAIL FROM:<>\r\n", Verb.RSET, b""),
    ],
)
def test_verbs(line, verb, argument):
    assert parse_command(line) == Command(verb, argument)
    assert recognise(line) is verb


WORDS = [b"MAIL FROM:", b"rcpt to:", b"<", b">", b'"', b"\\", b" ", b"@", b"a", b"=", b"\xff", b"\r", b"\0", b"SIZE=1"]


@given(st.lists(st.sampled_from(WORDS) | st.binary(max_size=4), max_size=20).map(b"".join))
def test_reads_anything(line):
    read = parse_command(line)
    assert read.path in line
    assert read.argument in line


@given(st.binary(max_size=30).map(lambda text: bytes(byte for byte in text if byte not in b'\r\n\t <>"\\')))
def test_what_was_made_is_read_back(text):
    path = b"<" + text + b">"
    assert parse_command(command.mail(path, b"SIZE=1")) == Command(
        Verb.MAIL, b"FROM:" + path + b" SIZE=1", path, {"SIZE": b"1"}
    )
    assert parse_command(command.rcpt(path)) == Command(Verb.RCPT, b"TO:" + path, path)


@pytest.mark.parametrize("filling", [b'"', b"\\", b"<", b'"\\', b'a"', b" x=", b"\t", b'<">'])
def test_linear_time(filling):
    begun = time.process_time()
    parse_command(b"RCPT TO:<" + filling * 200_000)
    parse_command(b"RCPT TO:" + filling * 200_000)
    assert time.process_time() - begun < 3
