# SPDX-License-Identifier: Apache-2.0
"""Say what went wrong: what happened, where, and what to do, in one to three lines, and nothing else.

Fields may hold text from outside (a server's words, a file's content): they are escaped here, where they are
shown. A fault of our own says so and asks for ``--debug``; nobody but who asks for it sees a traceback.
"""

from __future__ import annotations

import traceback

from fumidai.cli.screen import complaints, say
from fumidai.errors import FumidaiError, PolicyError
from fumidai.report.escape import show
from fumidai.texts import N_

_CRASH = N_("Fumidai itself failed: {what}")
_CRASH_MEND = N_("This is a fault of ours, not of the server. Run it again with --debug and report what it prints.")


def complain(error: FumidaiError, *, debug: bool) -> int:
    """Print an error of ours or the user's; its exit code."""
    complaints().write(error_text(error))
    if debug:
        complaints().write(traceback.format_exc())
    return error.exit_code


def error_text(error: FumidaiError) -> str:
    """An error in one to three lines: what happened, where, and what to do."""
    fields = {name: show(str(value)) for name, value in error.params.items()}
    text = say(error.message, **fields) if fields else say(error.message)
    lines = [f"{show(error.place)}: {text}" if isinstance(error, PolicyError) else text]
    if error.mend:
        lines.append("  " + (say(error.mend, **fields) if fields else say(error.mend)))
    return "\n".join(lines)


def confess(error: BaseException, *, debug: bool) -> int:
    """Print a crash of our own; exit code 70 (EX_SOFTWARE)."""
    what = show(f"{type(error).__name__}: {error}")
    complaints().write(f"{say(_CRASH, what=what)}\n  {say(_CRASH_MEND)}")
    if debug:
        complaints().write("".join(traceback.format_exception(error)))
    return 70
