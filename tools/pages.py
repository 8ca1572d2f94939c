# SPDX-License-Identifier: Apache-2.0
"""Write every generated page of `docs/` again: `python3 dev.py docs`.

A generated page has a module of its own in `tools/` with the place of what it writes (`PAGE` for one file, `FOLDER` for
many) and a `main` that writes it; a test of its room compares page and code. This module only knows how to find them.

Limits: the order is that of the names; no page may depend on another.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from pathlib import Path

import tools

DOCS = Path(__file__).resolve().parent.parent / "docs"


def writers() -> dict[str, Callable[[], object]]:
    """The modules that write something below `docs/`, with what to call."""
    found = {}
    for module in pkgutil.iter_modules(tools.__path__, "tools."):
        thing = importlib.import_module(module.name)
        place = getattr(thing, "PAGE", getattr(thing, "FOLDER", None))
        if isinstance(place, Path) and place.is_relative_to(DOCS) and hasattr(thing, "main"):
            found[module.name] = thing.main
    return found


def main() -> None:
    """Run them all, saying which."""
    for name, write in writers().items():
        write()
        print(f"{name} wrote what it makes")


if __name__ == "__main__":
    main()
