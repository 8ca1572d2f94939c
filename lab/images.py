# SPDX-License-Identifier: Apache-2.0
"""One image for each mail server program: what installing its packages changes on this machine's root.

An image is made once (`apt-get install` inside a room, with the packages' own scripts and users) and kept as a tar
file; each lab unpacks those it needs on a tmpfs of its own, where they are read-only layers for its rooms. (They can't
lie on the root's own file system: overlayfs refuses a lower layer below another.) The file's name holds a digest of all
that it was made from, so a changed recipe makes a new image. A build writes to `….part`, renamed when whole, so that a
killed one is never taken for an image.

Limits: a digest knows the recipe and the system's release, not the newest package versions: `lab down --images`
makes the next run fetch those.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab.command import run
from lab.errors import LabError
from lab.place import SOURCE, Place, hold

PARALLEL = 2


def image_file(place: Place, mta: str) -> Path:
    """Where the image of a program lies, built or not."""
    digest = hashlib.sha256()
    for path in (SOURCE / "mta" / mta / "image.sh", SOURCE / "build.sh", Path("/etc/os-release")):
        digest.update(path.read_bytes())
    return place.images / f"{mta}-{digest.hexdigest()[:12]}.tar"


def image_layer(place: Place, mta: str) -> Path:
    """Where a lab has unpacked the image of a program."""
    return place.state / "layers" / mta


def build_images(place: Place, mtas: set[str]) -> None:
    """Build the images that are missing, two at a time, and drop older ones of the same programs."""
    with hold(place.images):
        missing = sorted(mta for mta in mtas if not image_file(place, mta).is_file())
        if not missing:
            return
        print(f"lab: building images ({', '.join(missing)}), once; a minute or two", file=sys.stderr, flush=True)
        with ThreadPoolExecutor(PARALLEL) as pool:
            list(pool.map(lambda mta: build(place, mta), missing))


def build(place: Place, mta: str) -> None:
    """Build one image; LabError names its log where that fails."""
    image, log, part = image_file(place, mta), place.images / f"{mta}.log", place.images / f"{mta}.part"
    shutil.rmtree(part, ignore_errors=True)
    files, room = part / "files", part / "room"
    files.mkdir(parents=True)
    room.mkdir()
    shutil.copy(SOURCE / "build.sh", files)
    shutil.copy(SOURCE / "mta" / mta / "image.sh", files)
    # Whoever builds may be killed; what it started must not go on alone.
    alone = ("setpriv", "--pdeathsig", "KILL", "unshare", "-m", "-u", "-i", "-p", "-f", "--kill-child")
    try:
        run("sh", "-c", 'log=$1; shift; exec "$@" > "$log" 2>&1', "build", str(log),
            *alone, "sh", str(SOURCE / "image.sh"), str(room), str(files), str(part / "tar"))  # fmt: skip
    except LabError:
        raise LabError(f"image {mta} can't be built: see {log}") from None
    for old in place.images.glob(f"{mta}-*.tar"):
        old.unlink()
    (part / "tar").rename(image)
    shutil.rmtree(part)


def unpack_images(place: Place, mtas: set[str]) -> None:
    """Unpack into the lab's own tmpfs the images that its rooms need; the state's lock is held by the caller."""
    layers = place.state / "layers"
    layers.mkdir(exist_ok=True)
    if not layers.is_mount():
        run("mount", "-t", "tmpfs", "-o", "mode=755", "fumidai-lab", str(layers))
    for mta in sorted(mtas):
        layer, part = image_layer(place, mta), layers / f"{mta}.part"
        if layer.is_dir():
            continue
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(mode=0o755)
        run("tar", "--xattrs", "--xattrs-include=*", "-C", str(part), "-xpf", str(image_file(place, mta)))
        part.rename(layer)


def drop_layers(place: Place) -> None:
    """Unmount what unpack_images mounted."""
    layers = place.state / "layers"
    while layers.is_mount():
        run("umount", str(layers))


def remove_images(place: Place) -> None:
    """Remove every image."""
    if place.images.exists():
        with hold(place.images):
            shutil.rmtree(place.images)
