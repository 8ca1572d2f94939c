# SPDX-License-Identifier: Apache-2.0
"""The command `fumidai`: answer `--version` at once, hand everything else to `fumidai.cli.app`.

The command line's own library costs more time to import than the interpreter takes to start, so the version, which
scripts ask for often, is answered from a constant first.

Limits: nothing but the version is answered here; every option and every error belongs to `fumidai.cli`.
"""

from __future__ import annotations

import sys

from fumidai import __version__


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code (the codes are listed in `docs/design.md`).

    `argv` is what follows the program's name; None means `sys.argv[1:]`.
    """
    args = sys.argv[1:] if argv is None else argv
    if args in (["--version"], ["-V"]):
        sys.stdout.write(f"fumidai {__version__}\n")
        return 0
    from fumidai.cli import app

    return app.main(args)


if __name__ == "__main__":
    sys.exit(main())
