# SPDX-License-Identifier: Apache-2.0
"""Wait until addresses take connections on port 25: `knock.py SECONDS ADDRESS,NAME…` prints the names that don't."""

from __future__ import annotations

import socket
import sys
import time


def main(seconds: float, targets: list[str]) -> None:
    """Knock at each address until it opens or the time is over."""
    end = time.monotonic() + seconds
    waiting = [tuple(target.split(",")) for target in targets]
    while waiting and time.monotonic() < end:
        waiting = [target for target in waiting if not opens(target[0])]
        time.sleep(0.1 if waiting else 0)
    print("\n".join(sorted({name for _, name in waiting})))


def opens(address: str) -> bool:
    """Whether the address takes a connection now."""
    try:
        with socket.create_connection((address, 25), timeout=2):
            return True
    except OSError:
        return False


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2:])
