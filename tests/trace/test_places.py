# SPDX-License-Identifier: Apache-2.0
"""Files, mailboxes, Maildirs and folders are found; what can't be read is told, and the rest goes on."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumidai.trace import crew, mbox
from fumidai.trace.crew import trace_all
from fumidai.trace.letter import Trouble, Why
from fumidai.trace.mbox import Part, is_mbox, messages
from fumidai.trace.places import Place, find_places
from fumidai.trace.work import Question, Traced
from tests.trace.mail import mailbox, spam


def shape(traced: Traced) -> tuple[str, str]:
    """Where it was found, and its subject."""
    return str(traced.letter.origin), traced.letter.head.headers["subject"].text


def met(*names: Path | str, spool: Path, jobs: int = 1) -> list[tuple[str, str] | Trouble]:
    """All results."""
    done = trace_all(map(str, names), Question(), shape, spool, jobs)
    return [result for one in done for result in one.results]


def traced(*names: Path | str, spool: Path) -> list[tuple[str, str]]:
    """All results, where there is no trouble."""
    return [one for one in met(*names, spool=spool) if not isinstance(one, Trouble)]


def test_a_mailbox(tmp_path: Path) -> None:
    box = tmp_path / "spam.mbox"
    box.write_bytes(mailbox(3))
    found = traced(box, spool=tmp_path)
    assert [subject for _, subject in found] == ["number 1", "number 2", "number 3"]
    (first, _), *_ = found
    source, _, offset = first.partition("@")
    assert (source, box.read_bytes()[int(offset) :].startswith(spam(1))) == (str(box), True)


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
@given(size=st.integers(min_value=1, max_value=700))
def test_a_mailbox_in_parts_of_any_size(line_end: bytes, size: int) -> None:
    """No message is lost or met twice, wherever a part ends."""
    data = mailbox(4, line_end)
    file = io.BytesIO(data)
    found = [
        one
        for start in range(0, len(data), size)
        for one in messages(file, Part(start, min(start + size, len(data))), 1 << 20)
    ]
    assert [data[offset : offset + len(message)] for offset, message in found] == [message for _, message in found]
    assert [message.strip() for _, message in found] == [
        spam(number).replace(b"\n", line_end).strip() for number in (1, 2, 3, 4)
    ]


def test_a_truncated_mailbox() -> None:
    data = mailbox(2)[:-200]
    assert len(list(messages(io.BytesIO(data), Part(0, len(data)), 1 << 20))) == 2
    data = mailbox(2) + b"From somebody@example.org Mon Mar"
    assert len(list(messages(io.BytesIO(data), Part(0, len(data)), 1 << 20))) == 2


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        (b"From lucky@example.org Mon Mar  2 10:00:00 2026\n", True),
        (b"From lucky Mon Mar  2 10:00 JST 2026 remote from x\n", True),
        (b"From ???@??? Tue Oct 17 10:41:25 2000\r\n", True),
        (b"From -\nX-Mozilla-Status: 0001\n", True),
        (b"From now on nothing is as it was\n", False),
        (b"From: lucky@example.org\n", False),
        (b"from lucky Mon Mar  2 10:00:00 2026\n", False),
    ],
)
def test_what_separates_messages(line: bytes, meant: bool) -> None:
    assert is_mbox(line) is meant


def test_a_maildir(tmp_path: Path) -> None:
    for name in ("cur", "new", "tmp", ".Spam/cur", ".Spam/new"):
        (tmp_path / "box" / name).mkdir(parents=True)
    for number, name in enumerate(("cur/1:2,S", "new/2", "tmp/3", ".Spam/new/4"), 1):
        (tmp_path / "box" / name).write_bytes(spam(number))
    found = traced(tmp_path / "box", spool=tmp_path)
    assert [subject for _, subject in found] == ["number 1", "number 2", "number 4"]


def test_a_folder_of_files_in_order(tmp_path: Path) -> None:
    folder = tmp_path / "reports"
    (folder / "deep").mkdir(parents=True)
    for number, name in enumerate(("a.eml", "b.txt", "deep/c.eml", ".hidden"), 1):
        (folder / name).write_bytes(spam(number))
    (folder / "d.mbox").write_bytes(mailbox(2))
    found = traced(folder, spool=tmp_path)
    assert [subject for _, subject in found] == ["number 1", "number 2", "number 1", "number 2", "number 3"]
    assert found[0][0] == str(folder / "a.eml")


def test_what_can_not_be_read(tmp_path: Path) -> None:
    """Missing, no file, a loop, and a file that vanishes: each is told, and the last one is traced."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "again").symlink_to(tmp_path / "folder")
    (tmp_path / "folder" / "nowhere").symlink_to(tmp_path / "missing")
    (tmp_path / "good").write_bytes(spam(7))
    found = met(tmp_path / "no", tmp_path / "pipe", tmp_path / "folder", tmp_path / "good", spool=tmp_path)
    assert [one.why if isinstance(one, Trouble) else one[1] for one in found] == [
        Why.MISSING,
        Why.NO_FILE,
        Why.LOOP,
        Why.MISSING,
        "number 7",
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(spam())
    (tmp_path / "secret").chmod(0)
    (found,) = met(tmp_path / "secret", spool=tmp_path)
    assert isinstance(found, Trouble)
    assert found.why is Why.UNREADABLE


def test_it_vanishes_meanwhile(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(spam())
    (place,) = find_places([str(tmp_path / "a")], tmp_path)
    assert isinstance(place, Place)
    (tmp_path / "a").unlink()
    (piece,) = crew.pieces([place])
    (found,) = crew._do(piece, Question(), shape).results
    assert isinstance(found, Trouble)
    assert found.why is Why.UNREADABLE


def test_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(mailbox(2))))
    found = traced("-", spool=tmp_path)
    assert [(origin.partition("@")[0], subject) for origin, subject in found] == [("-", "number 1"), ("-", "number 2")]


def test_many_processes_keep_the_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files and mailboxes, more than one process's work, come back as they were named."""
    monkeypatch.setattr(mbox, "PART", 20_000)
    monkeypatch.setattr(crew, "_LITTLE", 10_000)
    monkeypatch.setattr(crew, "_FILES", 7)
    (tmp_path / "mail").mkdir()
    for number in range(40):
        (tmp_path / "mail" / f"{number:03}").write_bytes(spam(number))
    (tmp_path / "box").write_bytes(mailbox(300))
    names = (tmp_path / "mail", tmp_path / "box", tmp_path / "gone", tmp_path / "mail" / "001")
    one, two = (met(*names, spool=tmp_path, jobs=jobs) for jobs in (1, 2))
    assert one == two
    subjects = [None if isinstance(result, Trouble) else result[1] for result in one]
    assert subjects == [
        *(f"number {number}" for number in range(40)),
        *(f"number {number}" for number in range(1, 301)),
        None,
        "number 1",
    ]
