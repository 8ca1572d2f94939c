# SPDX-License-Identifier: Apache-2.0
"""Where the lab keeps its things and what it calls them.

Everything the lab makes is either below its state folder, or a network namespace (with its folder in /etc/netns) whose
name begins with the prefix computed from that folder. So two labs with two state folders don't see each other, and
whatever a killed run left behind can be found again without any record of it.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from pathlib import Path

from lab.errors import LabError

SOURCE = Path(__file__).resolve().parent
NETNS = Path("/run/netns")
NETNS_ETC = Path("/etc/netns")
MARK = ".fumidai-lab"
# A fixed, documented name in a folder for all: `hold` makes it 0700 and refuses one that somebody else made.
DEFAULT_STATE = "/var/tmp/fumidai-lab"


@dataclass(frozen=True, slots=True)
class Place:
    """The folders and the name prefix of one lab."""

    state: Path
    images: Path

    @property
    def prefix(self) -> str:
        """What the names of this lab's network namespaces begin with."""
        if self.state == Path(DEFAULT_STATE):
            return "fumidai-"
        return f"fumidai{hashlib.sha256(str(self.state).encode()).hexdigest()[:4]}-"

    def namespace(self, name: str) -> str:
        """The network namespace of a server or of one of the lab's own hosts."""
        return self.prefix + name

    def namespaces(self) -> list[str]:
        """Those of this lab's network namespaces that exist now."""
        pattern = re.compile(re.escape(self.prefix) + r"[a-z0-9-]+$")
        found = {entry.name for folder in (NETNS, NETNS_ETC) if folder.is_dir() for entry in folder.iterdir()}
        return sorted(name for name in found if pattern.match(name))

    def room(self, name: str) -> Path:
        """The folder of one server's instance."""
        return self.state / "servers" / name

    @property
    def maildir(self) -> Path:
        """Where the victim's mail arrives."""
        return self.state / "victim"


def find_place() -> Place:
    """The lab named by the environment: FUMIDAI_LAB_STATE and FUMIDAI_LAB_IMAGES, or the defaults."""
    # Not resolved: a link that stands where our folder should is refused (`hold`), never followed.
    state = os.path.abspath(os.environ.get("FUMIDAI_LAB_STATE") or DEFAULT_STATE)
    images = os.path.abspath(os.environ.get("FUMIDAI_LAB_IMAGES") or f"{DEFAULT_STATE}-images")
    return Place(Path(state), Path(images))


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Make a folder and hold its lock, which other runs of the lab honour; a process that ends drops it.

    The lock is on the folder itself, so that no lock file is left behind. Who waited while another removed the
    folder makes it anew. A folder that is not ours, or has something in it and not our mark, is refused: all that is
    in a lab's folder gets removed one day.
    """
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise LabError(f"{folder}: {error.strerror}") from None
        try:
            flock(descriptor, LOCK_EX)
            if folder.exists() and os.path.samestat(os.fstat(descriptor), folder.stat()):
                take(folder, os.fstat(descriptor).st_uid)
                yield
                return
        finally:
            os.close(descriptor)


def take(folder: Path, owner: int) -> None:
    """Mark a folder as a lab's; LabError where it is somebody's or something else's."""
    if owner != os.getuid():
        raise LabError(f"{folder} belongs to somebody else")
    if not (folder / MARK).exists() and any(folder.iterdir()):
        raise LabError(f"{folder} is not a folder of the lab's, and not empty")
    (folder / MARK).touch()
