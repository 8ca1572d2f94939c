# SPDX-License-Identifier: Apache-2.0
"""Arrivals in a run folder: each message as it came (``.eml``) and its envelope beside it (``.json``).

Both are on the disk, names and all, before ``keep_arrival`` returns: the sink's 250 rests on that. The envelope is
put into place last; a message without one was never acknowledged.

Limits: nothing is ever removed or overwritten here.
"""

from __future__ import annotations

import itertools
import json
import os
from dataclasses import replace
from pathlib import Path

from fumidai.evidence.proof import Arrival
from fumidai.store.codec import CodecError, decode, encode
from fumidai.store.files import place, sync_folder
from fumidai.store.journal import parse

_counter = itertools.count(1)


def keep_arrival(folder: Path, arrival: Arrival) -> str:
    """Keep an arrival durably.

    Returns:
        the message's file name within ``folder``.

    Raises:
        OSError: it could not be kept.
    """
    stem = f"{arrival.received:.3f}-{os.getpid()}-{next(_counter)}"
    name = f"{stem}.eml"
    envelope = encode(Arrival, replace(arrival, file=name, message=b""))
    text = json.dumps(envelope, indent=1).encode("ascii") + b"\n"
    place(folder / f".{stem}.eml", folder / name, arrival.message)
    place(folder / f".{stem}.json", folder / f"{stem}.json", text)
    sync_folder(folder)
    return name


def read_arrivals(folder: Path) -> tuple[list[Arrival], int]:
    """All arrivals in the order in which they came, and how many are damaged.

    Raises:
        OSError: the folder can't be read.
    """
    arrivals = []
    damaged = 0
    for path in folder.glob("[!.]*.json"):
        try:
            envelope = decode(Arrival, parse(path.read_bytes()))
            # The name comes from the file beside it, not from its text: a handed-on folder is not to be trusted.
            message = path.with_suffix(".eml").read_bytes()
        except (CodecError, ValueError, FileNotFoundError):
            damaged += 1
            continue
        arrivals.append(replace(envelope, file=path.with_suffix(".eml").name, message=message))
    return sorted(arrivals, key=lambda arrival: (arrival.received, arrival.file)), damaged
