# SPDX-License-Identifier: Apache-2.0
"""Ask the real library of tcpwrappers what it would do: one case a line on standard input, one answer a line.

    python -m tests.policy.tcpwrappers FOLDER

A case is JSON: [allow, deny, daemon, address, name, server address, server name]; the files are written into FOLDER.
The answer is ``granted`` or ``denied``. In a process of its own, because the library jumps out of its own functions.
"""

from __future__ import annotations

import ctypes
import json
import sys
from pathlib import Path

LIBRARY = "libwrap.so.0"
# tcpd.h: RQ_DAEMON, RQ_CLIENT_NAME, RQ_CLIENT_ADDR, RQ_SERVER_NAME, RQ_SERVER_ADDR.
_KEYS = (2, 4, 5, 8, 7)


def available() -> bool:
    """True if the library is there (Debian: libwrap0, which tcpd brings along)."""
    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        return False
    return True


def main(folder: Path) -> None:
    library = ctypes.CDLL(LIBRARY)
    tables = {name: folder / f"hosts.{name}" for name in ("allow", "deny")}
    paths = [str(path).encode() for path in tables.values()]  # the library keeps pointers to them
    for name, path in zip(tables, paths, strict=True):
        ctypes.c_char_p.in_dll(library, f"hosts_{name}_table").value = path
    # As tcpdmatch does: options are judged, and nothing is run.
    ctypes.c_int.in_dll(library, "dry_run").value = 1
    for line in sys.stdin:
        allow, deny, daemon, *ends = json.loads(line)
        tables["allow"].write_text(allow)
        tables["deny"].write_text(deny)
        request = ctypes.create_string_buffer(16 * 1024)
        address, name, server, server_name = (end.encode() for end in ends)
        values = (daemon.encode(), name, address, server, server_name)
        pairs = [part for key, value in zip(_KEYS, values, strict=True) for part in (key, value)]
        library.request_init(request, *pairs, 0)
        print("granted" if library.hosts_access(request) else "denied", flush=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
