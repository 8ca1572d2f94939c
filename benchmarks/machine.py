# SPDX-License-Identifier: Apache-2.0
"""What a figure can't be read without: the machine, the programs and their versions, the day, how busy it was."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def describe(programs: dict[str, str]) -> list[str]:
    """Lines for the report; `programs` are names and versions of what was measured besides Python."""
    system = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    loop = f"uvloop {_version('uvloop')}" if _version("uvloop") else "asyncio's own loop"
    told = ", ".join(f"{name} {number}" for name, number in programs.items())
    return [
        f"Machine: {processor()}, {os.cpu_count()} cores, {memory()} GiB; Linux {platform.release()}, {system}.",
        f"Programs: {platform.python_implementation()} {platform.python_version()}, {loop}, "
        f"fumidai {_version('fumidai') or '?'}{', ' if told else ''}{told}.",
    ]


def when(load_before: float) -> str:
    """The day, and the load average before and after."""
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"Measured: {now}; load average {load_before:.1f} before, {os.getloadavg()[0]:.1f} after (1 minute)."


def processor() -> str:
    """The processor's model."""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Model", "cpu model"):
            return " ".join(value.split())
    return platform.machine()


def memory() -> str:
    """Memory in GiB."""
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f}"


def nmap_version(path: str) -> str:
    """The version that nmap prints."""
    words = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout.split()
    return words[2] if len(words) > 2 else "?"


def _version(package: str) -> str:
    if package == "fumidai":
        # An editable install knows the version of the day it was made; the source knows its own.
        from fumidai import __version__

        return __version__
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
