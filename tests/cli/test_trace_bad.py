# SPDX-License-Identifier: Apache-2.0
"""``fumidai trace`` on whatever there may lie on a disk: an answer or a message, in bounded time and memory."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from itertools import product
from pathlib import Path

import pytest

from tests.trace.mail import mailbox, spam

#: Seconds; a linear reader takes a few on a slow machine, one that is not takes minutes.
SLOW = 60
#: Octets of address space that a run may take: more than it needs, less than the great inputs are read several times.
ROOM = 1536 * 1024 * 1024


def run(*arguments: str | Path, data: Iterable[bytes] = ()) -> subprocess.CompletedProcess[bytes]:
    """The command as a process of its own, its memory bounded, fed piece by piece."""
    command = [sys.executable, "-m", "fumidai", "trace", *map(str, arguments)]
    env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    began = time.monotonic()
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=env,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (ROOM, ROOM)),  # one thread
    ) as process:
        assert process.stdin is not None
        for piece in data:
            process.stdin.write(piece)
        out, err = process.communicate(timeout=SLOW * 2)
    assert time.monotonic() - began < SLOW
    assert b"Traceback" not in err
    assert b"fault of ours" not in err
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def plain(text: bytes) -> bool:
    """Nothing in it moves a terminal."""
    return not any((byte < 32 and byte != 10) or byte == 127 for byte in text)


def lines_of_received(count: int) -> Iterable[bytes]:
    line = (
        b"Received: from a.test (a.test [192.0.2.1]) by b.test (Postfix) with ESMTP id %d;\n"
        b" Mon, 2 Mar 2026 10:00:05 +0000\n"
    )
    yield from (b"".join(line % number for number in range(at, at + 1000)) for at in range(0, count, 1000))
    yield b"From: a@b.test\n\nhello\n"


NESTED = b"(" * 10_000 + b"[192.0.2.9]" + b")" * 10_000
BAD: dict[str, Callable[[], Iterable[bytes]]] = {
    "nothing": list,
    "binary": lambda: [bytes(range(256)) * 20_000],
    "one line of 200 MB": lambda: [b"Received: from "] + [b"a" * 1_000_000] * 200,
    "one line of 200 MB without a name": lambda: [b"(" * 1_000_000] * 200,
    "100,000 Received lines": lambda: lines_of_received(100_000),
    "nested comments": lambda: [spam().replace(b"[192.0.2.25]", NESTED)],
    "comments that never end": lambda: [spam().replace(b"[192.0.2.25]", b"(" * 10_000)],
    "quotes that never end": lambda: [b"Received: from " + b'"\\' * 20_000 + b"\n" + spam()],
    "NULs": lambda: [spam().replace(b" ", b"\0"), b"\0" * 1_000_000],
    "carriage returns": lambda: [b"\r" * 1_000_000],
    "mixed encodings": lambda: [
        "Received: from 踏み台".encode(),
        "踏み台.test by x; ".encode("euc_jp"),
        b"\xff\xfe\n",
        spam(),
    ],
    "UTF-16": lambda: [spam().decode().encode("utf-16")],
    "a truncated mailbox": lambda: [mailbox(40)[:-170]],
    "a mailbox of empty messages": lambda: [b"From x Mon Mar  2 10:00:00 2026\n" * 20_000],
    "terminal controls": lambda: [
        spam().replace(b"relay.a.test", b"\x1b]0;owned\x07\x1b[2J\x9b5m").replace(b"id 4", b"id \x7f\x08")
    ],
    "a report in a report": lambda: [
        b"Content-Type: multipart/report; report-type=feedback-report; boundary=b\n\n",
        b"--b\nContent-Type: multipart/mixed; boundary=b\n\n" * 500,
    ],
}


@pytest.mark.parametrize("name", list(BAD))
def test_it_answers(name: str) -> None:
    done = run("-", "-v", data=BAD[name]())
    assert done.returncode == 0
    assert plain(done.stdout)
    assert plain(done.stderr)
    assert done.stdout.split()[0] in (b"RELAY", b"DIRECT", b"UNDECIDED", b"NO-EVIDENCE")


YEARS = ("0", "0000", "+9999", "9999", "99999999999999999999", "-1", "1")
ZONES = ("+9999", "-9999", "+0000", "JST")


@pytest.mark.parametrize("form", ["text", "json", "csv", "html"])
def test_dates_that_are_none(form: str, tmp_path: Path) -> None:
    """A date that nobody can read costs that date, not the verdict."""
    for number, (year, zone) in enumerate(product(YEARS, ZONES)):
        for half in (b"2026 10:00:01 GMT", b"2026 10:00:05 +0000"):
            message = spam().replace(half, half.replace(b"2026", year.encode()).replace(half.split()[2], zone.encode()))
            (tmp_path / f"{number}-{half[12:14].decode()}").write_bytes(message)
    done = run(tmp_path, "--format", form)
    assert done.returncode == 0
    if form == "json":
        assert {one["verdict"] for one in json.loads(done.stdout)["messages"]} == {"relay"}


def test_the_rest_of_a_truncated_mailbox_is_there() -> None:
    assert run("-", data=[mailbox(40)[:-170]]).stdout.startswith(b"RELAY   40 messages: 40 passed on")


def test_a_sparse_file_of_a_gigabyte(tmp_path: Path) -> None:
    """One line that never ends."""
    with (tmp_path / "sparse").open("wb") as file:
        file.write(spam()[:300])
        file.truncate(1024**3)
    assert run(tmp_path / "sparse").returncode == 0


def test_folders_that_lead_in_circles(tmp_path: Path) -> None:
    (tmp_path / "spam").mkdir()
    (tmp_path / "spam" / "1.eml").write_bytes(spam())
    (tmp_path / "spam" / "loop").symlink_to(tmp_path / "spam")
    (tmp_path / "spam" / "itself").symlink_to("itself")
    done = run(tmp_path / "spam")
    assert (done.returncode, done.stdout.split()[:2]) == (0, [b"RELAY", b"relay.a.test,"])
    assert b"leads back to a folder" in done.stderr
    assert b"itself can't be read" in done.stderr


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    done = run(tmp_path / "pipe")
    assert (done.returncode, done.stdout) == (66, b"")
    assert b"neither file nor folder" in done.stderr


def test_a_file_that_can_not_be_read(tmp_path: Path) -> None:
    """The system says no only at reading: the rest goes on."""
    (tmp_path / "spam").write_bytes(spam())
    done = run("/proc/self/mem", tmp_path / "spam")
    assert (done.returncode, done.stdout.split()[:2]) == (0, [b"RELAY", b"relay.a.test,"])
    assert b"/proc/self/mem can't be read: Input/output error." in done.stderr
    assert run("/proc/self/mem").returncode == 66


@pytest.mark.parametrize("name", ["one line of 200 MB", "100,000 Received lines", "nested comments", "NULs", "binary"])
def test_it_can_be_reported(name: str, tmp_path: Path) -> None:
    """A page and an abuse report are written in bounded time and memory too."""
    done = run("-", "-o", tmp_path / "page.html", "-o", tmp_path / "report.arf", data=BAD[name]())
    assert done.returncode == 0
    assert (tmp_path / "page.html").read_bytes().endswith(b"</html>\n")
    assert (tmp_path / "page.html").stat().st_size < 4_000_000
    if (tmp_path / "report.arf").exists():
        assert run(tmp_path / "report.arf", "-q").stdout.split()[0] == done.stdout.split()[0]
