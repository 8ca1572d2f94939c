# SPDX-License-Identifier: Apache-2.0
"""Open files: how many this process may have, and whether there are enough left to let somebody in.

POSIX gives the lowest number that is free, so the number of the socket that was opened last tells how many there are:
no count has to be kept, and files that others opened are counted too.

Limits: where the system tells no bound (not on POSIX), none is kept.
"""

from __future__ import annotations

import sys
from typing import Final

#: Descriptors that are kept for what clients who are let in need: the server behind, files, the DNS.
RESERVE: Final = 128
# Where the hard bound is none at all.
_ENOUGH: Final = 1_048_576


def raise_bound() -> int:
    """Raise the soft bound to the hard one, as any user may; the bound that holds then."""
    try:
        import resource
    except ImportError:
        return sys.maxsize
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if hard == resource.RLIM_INFINITY else hard
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):
            wanted = soft
    return max(soft, wanted)


def highest_for_clients(bound: int) -> int:
    """The number that a client's socket must stay below, so that the reserve is left."""
    return max(bound - min(RESERVE, bound // 4), 1)
