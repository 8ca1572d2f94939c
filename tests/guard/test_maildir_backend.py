# SPDX-License-Identifier: Apache-2.0
"""Maildir before 250: what is told, what stands on the disk, and in which order that happens."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fumidai.errors import UsageError
from fumidai.guard.backend import Fate
from fumidai.guard.maildir_backend import HIGH_WATER, MOST_RECIPIENTS, SPOOL, MaildirBackend, MaildirTransaction
from fumidai.guard.maildir_place import MaildirPlace
from fumidai.store.maildir import new_messages
from tests.guard.handing import CLIENT, MESSAGE, Handing, hand

U, V = b"<u@a.com>", b"<v@a.com>"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for user in ("u", "v"):
        maildir(tmp_path / "a.com" / user)
    return tmp_path


@pytest.fixture
async def backend(root: Path) -> AsyncIterator[MaildirBackend]:
    made = MaildirBackend(f"{root}/{{domain}}/{{local}}", "mx.a.com")
    yield made
    await made.close()


def maildir(folder: Path) -> Path:
    for part in ("tmp", "new", "cur"):
        (folder / part).mkdir(parents=True)
    return folder


def everything(root: Path) -> list[Path]:
    return sorted(root.rglob("*"))


def files(root: Path) -> list[Path]:
    return [path for path in everything(root) if path.is_file()]


def until_gone(path: Path) -> None:
    while path.exists():
        time.sleep(0.01)


async def test_a_message_stands_in_new_with_its_trace_on_top(backend: MaildirBackend, root: Path) -> None:
    told = await hand(backend, U)
    assert (told.fate, told.code, told.enhanced) == (Fate.ANSWERED, 250, "2.0.0")
    [path] = files(root)
    assert path.parent == root / "a.com/u/new"
    assert told.detail == f"new/{path.name}"
    assert path.stat().st_mode & 0o777 == 0o600
    text = path.read_bytes()
    trace = b"Return-Path: <s@sender.test>\nDelivered-To: u@a.com\n"
    assert text == trace + MESSAGE.replace(b"\r\n", b"\n")


async def test_our_own_reader_finds_envelope_and_text(backend: MaildirBackend, root: Path) -> None:
    await hand(backend, U)
    [arrival] = new_messages(root / "a.com/u", set())
    assert (arrival.reverse_path, arrival.recipients) == ("s@sender.test", ("u@a.com",))


async def test_each_recipient_has_a_file_that_names_nobody_else(backend: MaildirBackend, root: Path) -> None:
    big = b"Subject: t\r\n\r\n" + b"x" * 998 * 200
    assert (await hand(backend, U, V, U, pieces=[big, b"\r\nend\r\n"])).taken
    one, other = (path.read_bytes() for path in files(root))
    assert b"u@a.com" in one
    assert b"v@a.com" not in one
    assert one.replace(b"u@a.com", b"v@a.com") == other
    assert other.endswith(b"x\nend\n")


@pytest.mark.parametrize(
    "path",
    [
        *(b"<..@a.com>", b'<".."@a.com>', b'<"../u"@a.com>', b'<"a/u"@a.com>', b'<".u"@a.com>', b'<""@a.com>'),
        *(b'<"u/../v"@a.com>', b"<u@..>", b"<u@.a.com>", b"<u@a.com/u>", b"<u>", b"<>", b"<@a.com>", b"<u@>"),
        *(b"<u\0@a.com>", b'<"u\n"@a.com>', b'<"u\x1b"@a.com>', b"<u@a.com\0>", b"<" + b"u" * 256 + b"@a.com>"),
        *(b'<"/etc"@a.com>', b"", b"<nobody@a.com>", b"<u@b.com>", b"<postmaster>", "<u\x85@a.com>".encode()),
    ],
)
async def test_no_folder_for_such_a_recipient_and_none_is_made(
    backend: MaildirBackend, root: Path, path: bytes
) -> None:
    maildir(root / "a.com" / "v" / ".hidden")
    before = everything(root)
    told = await Handing(backend).recipient(path)
    assert (told.fate, told.code, told.enhanced) == (Fate.ANSWERED, 550, "5.1.1")
    assert everything(root) == before


@given(st.binary(max_size=24) | st.text(alphabet='./\\"u@a.com\0\r\n~:', max_size=16).map(str.encode))
def test_no_recipient_leads_out_of_the_template(words: bytes) -> None:
    place = MaildirPlace("/nowhere-at-all/{domain}/{local}", b"<u@a.com>")
    for path in (b"<" + words + b"@a.com>", b"<u@" + words + b">", b"<" + words + b">", b'<"' + words + b'"@a.com>'):
        folder = place._words(path)
        if folder is not None:
            whole = os.path.normpath("/nowhere-at-all/{}/{}".format(*folder))
            assert whole == "/nowhere-at-all/{}/{}".format(*folder)
            assert whole.count("/") == 3


async def test_case_and_postmaster(root: Path) -> None:
    backend = MaildirBackend(f"{root}/{{domain}}/{{local}}", "mx.a.com", b"<v@a.com>")
    assert (await hand(backend, b"<U@A.COM>", b'<"u"@a.com>')).taken
    assert (await hand(backend, b"<PostMaster>")).taken
    assert [path.parent for path in files(root)] == [root / "a.com/u/new", root / "a.com/v/new"]
    await backend.close()


async def test_a_disk_that_is_not_there_is_no_unknown_user(tmp_path: Path) -> None:
    told = await Handing(MaildirBackend(f"{tmp_path}/disk/{{local}}", "mx")).recipient(U)
    assert (told.fate, told.code, told.enhanced) == (Fate.FAILED, 451, "4.3.0")


async def test_a_folder_without_tmp_and_new_is_our_trouble(backend: MaildirBackend, root: Path) -> None:
    (root / "a.com/w").mkdir()
    (root / "a.com/x").write_bytes(b"")
    assert (await Handing(backend).recipient(b"<w@a.com>")).code == 451
    assert (await Handing(backend).recipient(b"<x@a.com>")).code == 550


@pytest.mark.parametrize(
    "template",
    ["", "mail/{local}", "/mail", "/mail/{domain}", "/m/{user}", "/m/{local", "/m/{local!r}", "/m/{}/{local}"],
)
def test_a_template_that_says_too_little_or_too_much(template: str) -> None:
    with pytest.raises(UsageError):
        MaildirBackend(template, "mx")


async def test_without_recipients_nothing_begins(backend: MaildirBackend) -> None:
    handing = Handing(backend)
    assert (await handing.begin()).code == 554
    assert (await handing.end()).code == 554


async def test_too_many_recipients_come_later(root: Path) -> None:
    for count in range(MOST_RECIPIENTS + 1):
        maildir(root / "a.com" / f"n{count}")
    backend = MaildirBackend(f"{root}/{{domain}}/{{local}}", "mx.a.com")
    handing = Handing(backend)
    codes = [(await handing.recipient(b"<n%d@a.com>" % count)).code for count in range(MOST_RECIPIENTS + 1)]
    assert codes == [250] * MOST_RECIPIENTS + [452]
    handing.transaction.abort()
    await backend.close()


class Recorder:
    """Notes what is done to the disk, and may fail at one of these steps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.steps: list[str] = []
        self.failing: dict[str, OSError] = {}
        self._names: dict[int, str] = {}
        self._open, self._fsync, self._rename = os.open, os.fsync, os.rename
        for name in ("open", "fsync", "rename"):
            monkeypatch.setattr(os, name, getattr(self, name))

    def open(self, path, flags, *rest):
        handle = self._open(path, flags, *rest)
        self._names[handle] = "folder" if flags & os.O_DIRECTORY else "file"
        return handle

    def fsync(self, handle):
        self._note(f"fsync {self._names[handle]}")
        self._fsync(handle)

    def rename(self, source, target):
        self._note("rename")
        self._rename(source, target)

    def _note(self, step: str) -> None:
        self.steps.append(step)
        if step in self.failing:
            raise self.failing[step]


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    with monkeypatch.context() as patch:
        yield Recorder(patch)


async def test_order_of_what_is_done_to_the_disk(backend: MaildirBackend, disk: Recorder) -> None:
    handing = Handing(backend)
    for path in (U, V):
        await handing.recipient(path)
    await handing.begin()
    await handing.body([MESSAGE])
    handing.transaction.end(lambda answer: disk.steps.append(f"told {answer.code}"))
    while not any(step.startswith("told") for step in disk.steps):
        await hand(backend, U)
    told = disk.steps.index("told 250")
    first = disk.steps[: disk.steps.index("rename")]
    assert first.count("fsync file") >= 2
    assert "fsync folder" not in first
    last_rename = disk.steps.index("rename") + 1
    assert disk.steps[last_rename] == "rename"
    assert disk.steps[last_rename + 1 : told].count("fsync folder") >= 2


@pytest.mark.parametrize("step", ["fsync file", "rename", "fsync folder"])
@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
async def test_a_failing_step_leaves_nothing_and_the_next_message_comes_through(
    backend: MaildirBackend, root: Path, disk: Recorder, step: str, number: int
) -> None:
    disk.failing[step] = OSError(number, os.strerror(number))
    told = await hand(backend, U, V)
    assert (told.fate, told.code) == (Fate.FAILED, 451)
    assert told.enhanced == ("4.3.0" if number == errno.EIO else "4.3.1")
    assert files(root) == []
    if step == "fsync file":
        assert disk.steps == ["fsync file"], "a file whose flush failed is never flushed again"
    disk.failing.clear()
    assert (await hand(backend, U, V)).taken
    assert len(files(root)) == 2


async def test_many_at_once_share_the_flush_of_a_folder(backend: MaildirBackend, root: Path, disk: Recorder) -> None:
    told: list[int] = []
    for _ in range(50):
        handing = Handing(backend)
        await handing.recipient(U)
        await handing.body([MESSAGE])
        handing.transaction.end(lambda answer: told.append(answer.code))
    assert (await hand(backend, U)).taken
    assert told == [250] * 50
    assert len(files(root)) == 51
    assert disk.steps.count("fsync file") == 51
    assert disk.steps.count("fsync folder") < 51


async def test_a_file_too_big_for_the_disk(backend: MaildirBackend, root: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    try:
        told = await hand(backend, U, V, pieces=[b"x" * 70_000] * 10)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (told.fate, told.code, told.enhanced) == (Fate.FAILED, 451, "4.3.1")
    assert files(root) == []
    assert (await hand(backend, U, V, pieces=[b"x" * 70_000] * 10)).taken


async def test_a_folder_that_goes_away_under_way(backend: MaildirBackend, root: Path) -> None:
    handing = Handing(backend)
    await handing.recipient(U)
    await handing.recipient(V)
    os.rename(root / "a.com/v", root / "a.com/moved")
    await handing.body([MESSAGE])
    told = await handing.end()
    assert (told.fate, told.code) == (Fate.FAILED, 451)
    assert files(root) == []


async def test_abort_leaves_nothing(backend: MaildirBackend, root: Path) -> None:
    told: list[object] = []
    for size in (10, 3 * SPOOL):
        handing = Handing(backend)
        await handing.recipient(U)
        handing.transaction.begin(told.append)
        handing.transaction.body(b"x" * size)
        handing.transaction.abort()
    await backend.close()
    assert told == []
    assert files(root) == []


async def test_after_close_clients_are_told_to_come_back(backend: MaildirBackend) -> None:
    assert (await hand(backend, U)).taken
    await backend.close()
    handing = Handing(backend)
    assert (await handing.recipient(U)).code == 451
    assert (await handing.end()).code == 451


async def test_a_client_that_is_faster_than_the_disk_is_held_back(backend: MaildirBackend, root: Path) -> None:
    handing = Handing(backend)
    await handing.recipient(U)
    piece, sent, held = b"x" * 16 * 1024, 0, 0
    for _ in range(256):
        handing.resumed.clear()
        sent += len(piece)
        if not handing.transaction.body(piece):
            held += 1
            assert isinstance(handing.transaction, MaildirTransaction)
            assert handing.transaction._pending <= HIGH_WATER + SPOOL + len(piece)
            await handing.resumed.wait()
    assert held
    assert (await handing.end()).taken
    [path] = files(root)
    assert path.read_bytes().count(b"x") == sent


@given(st.lists(st.integers(1, 60), max_size=8), st.sampled_from([MESSAGE, b"", b"a\r\n\r\n\r\n", b"no end of line\r"]))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_the_same_bytes_make_the_same_file_however_they_are_cut(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], message: bytes
) -> None:
    root = tmp_path_factory.mktemp("cut")
    maildir(root / "u")
    backend = MaildirBackend(f"{root}/{{local}}", "mx")
    ends = sorted({*(cut for cut in cuts if cut < len(message)), len(message)})
    pieces = [message[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    assert (await hand(backend, U, pieces=pieces)).taken
    await backend.close()
    [path] = files(root)
    assert path.read_bytes().partition(b"u@a.com\n")[2] == message.replace(b"\r\n", b"\n")


async def test_an_envelope_can_forge_no_line(backend: MaildirBackend, root: Path) -> None:
    handing = Handing(backend, replace(CLIENT, path=b"<a\r\nSubject: b@c>"))
    await handing.recipient(U)
    await handing.body([b"Subject: true\r\n\r\n"])
    await handing.end()
    [path] = files(root)
    assert path.read_text().splitlines()[:2] == ["Return-Path: <a??Subject: b@c>", "Delivered-To: u@a.com"]


async def test_what_crashes_left_in_tmp_is_swept(root: Path) -> None:
    old, young = (root / "a.com/u/tmp" / name for name in ("old", "young"))
    for path in (old, young, root / "a.com/u/new/mail"):
        path.write_bytes(b"")
    for path in (old, root / "a.com/u/new/mail"):
        os.utime(path, (time.time() - 37 * 3600,) * 2)
    backend = MaildirBackend(f"{root}/{{domain}}/{{local}}", "mx")
    backend.open(CLIENT, lambda: None)
    await asyncio.to_thread(until_gone, old)
    await backend.close()
    assert young.exists()
    assert (root / "a.com/u/new/mail").exists()
