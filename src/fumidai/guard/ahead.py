# SPDX-License-Identifier: Apache-2.0
"""Import ahead what would be imported later: after root is given up this Python may be out of reach.

A Python below ``/root`` or in somebody's home can't be read by another user, and much is imported only when it is
used: a backend's file, dnspython's record types, the codec for host names.

Limits: what a library imports in a way that nobody foresees still fails later; ``out_of_reach`` tells of that.
"""

from __future__ import annotations

import os
import pkgutil
from importlib import import_module
from typing import Final

#: Rooms whose every file may be needed, and single modules that others import in passing.
_ROOMS: Final = ("fumidai.guard", "fumidai.net", "fumidai.policy", "fumidai.smtp", "dns.rdtypes.ANY", "dns.rdtypes.IN")
_SINGLE: Final = (
    *("encodings.idna", "encodings.unicode_escape", "encodings.latin_1", "encodings.ascii", "stringprep"),
    *("dns.asyncresolver", "dns.asyncquery", "dns.asyncbackend", "dns._asyncio_backend", "traceback", "linecache"),
    *("concurrent.futures.thread", "email.utils", "fumidai.texts", "fumidai.report.escape"),
)


def import_ahead() -> None:
    """Import all of it; what is not there is not needed."""
    for room in _ROOMS:
        package = _imported(room)
        for module in pkgutil.iter_modules(getattr(package, "__path__", ())):
            _imported(f"{room}.{module.name}")
    for name in _SINGLE:
        _imported(name)


def _imported(name: str) -> object:
    try:
        return import_module(name)
    except ImportError:
        return None


def out_of_reach() -> str:
    """Where this Python's own library or ours lies, if this process may not read it; else ""."""
    for file in (os.__file__, __file__):
        if not os.access(file, os.R_OK):
            return os.path.dirname(file)
    return ""
