# SPDX-License-Identifier: Apache-2.0
"""The state folder and the token key: where they are, who may read them, and what is said when that fails."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from fumidai.errors import StorageError
from fumidai.store.state import runs_folder, state_folder, token_key


def test_where_the_folder_is(tmp_path):
    home = {"HOME": str(tmp_path / "home")}
    assert state_folder({**home, "FUMIDAI_STATE": str(tmp_path / "own")}) == tmp_path / "own"
    assert state_folder({**home, "XDG_STATE_HOME": str(tmp_path / "xdg")}) == tmp_path / "xdg" / "fumidai"
    assert state_folder({**home, "XDG_STATE_HOME": "relative"}) == tmp_path / "home/.local/state/fumidai"
    folder = state_folder(home)
    assert folder == tmp_path / "home/.local/state/fumidai"
    assert folder.stat().st_mode & 0o077 == 0
    assert runs_folder(home) == folder / "runs"


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_place_that_is_no_folder_is_said_with_the_mend(tmp_path, place):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError) as caught:
        state_folder({"FUMIDAI_STATE": str(tmp_path / place)})
    assert "FUMIDAI_STATE" in caught.value.mend
    assert str(tmp_path / "file") in str(caught.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody who may not write")
def test_a_place_that_may_not_be_written(tmp_path):
    tmp_path.chmod(0o755)
    script = (
        "import os, sys; from pathlib import Path; from fumidai.store.state import state_folder\n"
        "os.setuid(65534)\n"
        "try: state_folder({'FUMIDAI_STATE': sys.argv[1]})\n"
        "except Exception as e: print(type(e).__name__, e, e.mend)\n"
    )
    made = subprocess.run([sys.executable, "-c", script, "/sys/x"], capture_output=True, text=True, check=True)
    assert made.stdout.startswith("StorageError")
    made = subprocess.run([sys.executable, "-c", script, "/"], capture_output=True, text=True, check=True)
    assert "Permission denied" in made.stdout


def test_nobody_without_a_home_is_told_what_to_do(monkeypatch):
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: (_ for _ in ()).throw(KeyError(uid)))
    with pytest.raises(StorageError) as caught:
        state_folder({})
    assert "FUMIDAI_STATE" in caught.value.mend


def test_an_empty_home_is_not_the_root(monkeypatch, tmp_path):
    entry = pwd.struct_passwd(("nobody", "x", os.getuid(), 0, "", str(tmp_path), ""))
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: entry)
    assert state_folder({"HOME": ""}) == tmp_path / ".local" / "state" / "fumidai"


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path):
    file = tmp_path / "deep" / "token.key"
    first = token_key(file)
    assert token_key(file) == first
    assert len(first.secret) == 32
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["token.key"]


def test_the_key_of_the_state_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("FUMIDAI_STATE", str(tmp_path))
    assert token_key() == token_key(tmp_path / "token.key")


def test_of_many_that_make_the_key_at_once_all_get_the_same(tmp_path):
    file = tmp_path / "token.key"
    with ThreadPoolExecutor(16) as pool:
        keys = list(pool.map(lambda _: token_key(file), range(64)))
    assert len(set(keys)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["token.key"]


def test_a_key_that_others_may_read_is_refused(tmp_path):
    file = tmp_path / "token.key"
    token_key(file)
    for mode in (0o640, 0o604, 0o660):
        file.chmod(mode)
        with pytest.raises(StorageError) as caught:
            token_key(file)
        assert "chmod 600" in caught.value.mend


@pytest.mark.parametrize("text", [b"", b"short", b"zz" * 32, b"ab" * 15, b"\xff\xfe" * 20])
def test_a_file_that_is_no_key_is_said_so(tmp_path, text):
    file = tmp_path / "token.key"
    file.write_bytes(text)
    file.chmod(0o600)
    with pytest.raises(StorageError) as caught:
        token_key(file)
    assert str(file) in str(caught.value)


def test_a_folder_is_no_key(tmp_path):
    with pytest.raises(StorageError):
        token_key(tmp_path)
