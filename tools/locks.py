# SPDX-License-Identifier: Apache-2.0
"""Write the hashed requirement files that `tools.environment` installs from.

`run.txt` is what using fumidai needs, `dev.txt` adds what testing it needs (same versions), `uv.txt` pins the installer
itself, `peers.txt` what the benchmarks are held against. They hold names, versions, markers and hashes, and no address
of an index: any mirror will do, and a file whose hash differs is refused
(docs/decisions/0004-locks-without-index-hosts.md).

Limits: one resolution for all platforms from Python 3.11 up; versions stay as they are unless `--upgrade` is given.
"""

from __future__ import annotations

import subprocess

from tools.environment import LOCKS, ROOT, SetupError, find_uv, say, uv_environment

HEAD = "# Written by `python3 dev.py lock`. Hashes, and no package index: the machine's own is used.\n"
COMMON = ["pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--generate-hashes", "--no-header"]
#: Also what is optional is tested.
EXTRAS = ["--extra", "speed", "--extra", "argon2"]
SOURCES = {
    "uv.txt": ["requirements/uv.in"],
    "peers.txt": ["requirements/peers.in"],
    "run.txt": ["pyproject.toml", "--group", "build"],
    "dev.txt": ["pyproject.toml", *EXTRAS, "--group", "dev", "--constraints", "requirements/run.txt"],
}


def write(more: list[str]) -> None:
    """Resolve again and write all lock files; `more` goes to uv (for example `--upgrade`). Raises SetupError."""
    uv, env = find_uv(), uv_environment()
    env.pop("UV_PYTHON", None)
    for name, source in SOURCES.items():
        path = LOCKS / name
        command = [uv, *COMMON, "--annotation-style", "line", *source, *more, "--output-file", str(path)]
        if subprocess.run(command, env=env, cwd=ROOT, check=False).returncode:
            raise SetupError(f"uv could not resolve {name}, see above.")
        text = path.read_text(encoding="utf-8")
        if "://" in text or "index-url" in text:
            raise SetupError(f"{path} names a package index; it must not.")
        path.write_text(HEAD + text.removeprefix(HEAD), encoding="utf-8")
        say(f"wrote {path.relative_to(ROOT)}")
