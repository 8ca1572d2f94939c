# SPDX-License-Identifier: Apache-2.0
"""The lab leaves nothing behind: not after `down`, not after a second one, not when it was killed on its way up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.place import NETNS, NETNS_ETC, SOURCE, Place
from tests.lab.conftest import IMAGES, need_machine

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]
SERVERS = ("opensmtpd-default", "exim-default-sound")


@pytest.fixture
def place() -> Iterator[Place]:
    """A lab of the test's own, taken down whatever happens."""
    need_machine()
    own = Place(Path(f"/var/tmp/fumidai-lab-life-{os.getpid()}"), IMAGES)
    yield own
    lab(own, "down")


def command(*words: str) -> list[str]:
    """The lab's command line."""
    return [sys.executable, "-m", "lab", *words]


def setting(place: Place) -> dict[str, str]:
    """The environment that names a lab."""
    return {**os.environ, "FUMIDAI_LAB_STATE": str(place.state), "FUMIDAI_LAB_IMAGES": str(place.images)}


def lab(place: Place, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the lab's command to its end."""
    return subprocess.run(
        command(*words), cwd=SOURCE.parent, env=setting(place), capture_output=True, text=True, check=False
    )


def left(place: Place) -> dict[str, list[str]]:
    """Everything of a lab that is still there."""
    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    return {
        "namespaces": [str(p) for f in (NETNS, NETNS_ETC) if f.is_dir() for p in f.iterdir() if place.prefix in p.name],
        "mounts": [line for line in mounts if str(place.state) in line or place.prefix in line],
        "processes": [line for line in processes() if str(place.state) in line or place.prefix in line],
        "files": [str(place.state)] if place.state.exists() else [],
    }


def processes() -> list[str]:
    """The command lines of all processes."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
        except OSError:
            continue
    return lines


NOTHING: dict[str, list[str]] = {"namespaces": [], "mounts": [], "processes": [], "files": []}


def test_up_works_and_down_leaves_nothing(place: Place) -> None:
    up = lab(place, "up", *SERVERS)
    assert up.returncode == 0, up.stderr
    assert all(left(place).values())
    asked = lab(place, "exec", "tester", "--", sys.executable, "-c", (
        "import socket; s = socket.create_connection(('opensmtpd-default.lab.test', 25)); print(s.recv(999).decode())"
    ))  # fmt: skip
    assert asked.stdout.startswith("220 opensmtpd-default.lab.test"), asked.stderr
    assert lab(place, "up", SERVERS[0]).returncode == 0
    assert lab(place, "down").returncode == 0
    assert left(place) == NOTHING
    again = lab(place, "down")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


def test_one_server_goes_and_the_others_stay(place: Place) -> None:
    assert lab(place, "up", *SERVERS).returncode == 0
    assert lab(place, "down", SERVERS[0]).returncode == 0
    states = {line.split()[0]: line.split()[-1] for line in lab(place, "list").stdout.splitlines()}
    assert (states[SERVERS[0]], states[SERVERS[1]]) == ("-", "up")
    assert lab(place, "up", SERVERS[0]).returncode == 0


@pytest.mark.parametrize("seconds", [0.15, 0.3, 0.6, 1.0])
def test_down_cleans_up_after_a_killed_up(place: Place, seconds: float) -> None:
    rising = subprocess.Popen(
        command("up", *SERVERS),
        cwd=SOURCE.parent,
        env=setting(place),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(seconds)
    rising.send_signal(signal.SIGKILL)
    rising.wait()
    assert lab(place, "down").returncode == 0
    assert left(place) == NOTHING
    assert lab(place, "up", SERVERS[0]).returncode == 0


def test_a_killed_build_leaves_no_process_and_no_image(place: Place) -> None:
    images = Path(f"/var/tmp/fumidai-lab-life-images-{os.getpid()}")
    own = Place(place.state, images)
    building = subprocess.Popen(
        command("up", SERVERS[0]),
        cwd=SOURCE.parent,
        env=setting(own),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(1.5)
    building.send_signal(signal.SIGKILL)
    building.wait()
    time.sleep(0.3)
    assert not list(images.glob("*.tar"))
    assert not [line for line in processes() if str(images) in line]
    assert lab(own, "down", "--images").returncode == 0
    assert not images.exists()
    assert left(own) == NOTHING


@pytest.mark.parametrize("what", ["full", "link"])
def test_a_folder_that_is_not_the_labs_is_left_alone(tmp_path: Path, what: str) -> None:
    need_machine()
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").touch()
    if what == "link":
        (tmp_path / "link").symlink_to(precious)
    own = Place(tmp_path / "link" if what == "link" else precious, IMAGES)
    for words in (("up", SERVERS[0]), ("down",)):
        done = lab(own, *words)
        assert done.returncode == 69, done.stdout
        assert done.stderr.count("\n") == 1
    assert (precious / "file").exists()


def test_a_server_that_died_comes_back(place: Place) -> None:
    assert lab(place, "up", SERVERS[1]).returncode == 0
    assert lab(place, "exec", SERVERS[1], "--", "pkill", "-KILL", "exim4").returncode == 0
    assert lab(place, "exec", SERVERS[1], "--", "pgrep", "exim4").returncode == 1
    assert lab(place, "restart", SERVERS[1]).returncode == 0
    assert lab(place, "exec", SERVERS[1], "--", "pgrep", "exim4").returncode == 0


def test_without_root_it_says_so_in_one_line(tmp_path: Path) -> None:
    need_machine()
    done = subprocess.run(
        ["/usr/bin/python3", "-m", "lab", "up"], cwd=SOURCE.parent, user=65534, group=65534, extra_groups=[],
        env={"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (77, "")
    assert done.stderr.count("\n") == 1
    assert "root" in done.stderr
