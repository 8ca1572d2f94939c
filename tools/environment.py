# SPDX-License-Identifier: Apache-2.0
"""Build `.venv` from the hashed requirement files with nothing but a Python interpreter.

How it works, each step only when the one before did not do:

1. `uv` is looked for on PATH and in `.tools/`; else pip fetches the pinned one into `.tools/` (through a venv, or with
   `--target` where the system's Python has no ensurepip); else, as root on a Debian-like system, apt brings
   `pythonX.Y-venv`; else one line says what is missing.
2. `uv venv`, `uv pip sync --require-hashes`, then the project itself, editable and without build isolation: every byte
   that is downloaded has its hash in `requirements/`.
3. A stamp (hash of the lock files and the interpreter) makes the next call return at once.

No package index is named anywhere in this project. The machine's own choice (pip's configuration, `PIP_*` or `UV_*`)
is read when needed and handed to uv through its environment.

Limits: standard library only, and it must import on Python 3.11 without anything installed.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
VENV = ROOT / os.environ.get("DEV_VENV", ".venv")
LOCKS = ROOT / "requirements"
STAMP = VENV / ".stamp"
BIN = "Scripts" if os.name == "nt" else "bin"

# pip's word for a setting of the machine, and the environment variable in which uv takes the same thing.
PIP_TO_UV = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
}


class SetupError(Exception):
    """Something is missing that we cannot bring ourselves; the message says what to do, in one line."""


def say(text: str) -> None:
    """Tell the person at the terminal what is being done (stderr, so that results stay alone on stdout)."""
    print(text, file=sys.stderr, flush=True)


def program(name: str) -> Path:
    """Path of a program installed in the venv."""
    return VENV / BIN / (f"{name}.exe" if os.name == "nt" else name)


def ensure(level: str) -> None:
    """Make `.venv` hold what `level` needs: "run" (to use fumidai) or "dev" (to test it; contains "run").

    Costs a few hashes when nothing has changed. Raises SetupError.
    """
    have_level, _, have = _stamp().partition(" ")
    if level == "run" and have_level == "dev":
        level = "dev"
    if have_level == level and have == fingerprint(level):
        return
    uv, env = find_uv(), uv_environment()
    say(f"Setting up {VENV.name} ({level}), Python {sys.version.split()[0]} ...")
    _build(uv, env, level)
    STAMP.write_text(f"{level} {fingerprint(level)}", encoding="utf-8")


def fingerprint(level: str) -> str:
    """Hash of everything that decides what the venv must hold."""
    digest = hashlib.sha256(f"{sys.version} {_interpreter()}".encode())
    digest.update((LOCKS / f"{level}.txt").read_bytes())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    digest.update(repr((project["build-system"], project["project"], project["tool"]["hatch"])).encode())
    return digest.hexdigest()


def find_uv() -> str:
    """Path of a uv that runs, fetched if need be. Raises SetupError."""
    for candidate in (shutil.which("uv"), *_fetched()):
        if candidate and _runs([candidate, "--version"]):
            return candidate
    for way in (_uv_by_venv, _uv_by_target, _uv_after_apt):
        way()
        for candidate in _fetched():
            if _runs([candidate, "--version"]):
                return candidate
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    if importlib.util.find_spec("ensurepip") or importlib.util.find_spec("pip"):
        raise SetupError("pip could not fetch uv (requirements/uv.txt), see above.")
    raise SetupError(
        f"Python {minor} here has no ensurepip and no pip, and there is no uv: "
        f"install one of them (Debian, Ubuntu: apt-get install python{minor}-venv)."
    )


def uv_environment() -> dict[str, str]:
    """The environment for uv: this interpreter, the machine's certificates, pip's package index where one is set."""
    env = dict(os.environ)
    env.update(UV_PYTHON=_interpreter(), UV_PYTHON_DOWNLOADS="never", UV_SYSTEM_CERTS="1", UV_NO_PROGRESS="1")
    env.pop("VIRTUAL_ENV", None)
    if not _home_is_usable():
        env.setdefault("UV_CACHE_DIR", str(TOOLS / "cache"))
    for option, value in _pip_settings().items():
        variable = PIP_TO_UV.get(option)
        if variable and variable not in env:
            env[variable] = value
    # Several indexes are safe to mix here: a file whose hash is not in the lock is refused, wherever it came from.
    env.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    return env


def _build(uv: str, env: dict[str, str], level: str) -> None:
    python = program("python")
    if not _is_same_python(python):
        shutil.rmtree(VENV, ignore_errors=True)
        _call([uv, "venv", "--quiet", str(VENV)], env)
    env = {**env, "UV_PYTHON": str(python)}
    _call([uv, "pip", "sync", "--quiet", "--require-hashes", str(LOCKS / f"{level}.txt")], env)
    _call([uv, "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--editable", str(ROOT)], env)


def _is_same_python(python: Path) -> bool:
    ask = [str(python), "-c", "import sys; print(sys.version, sys.base_prefix)"]
    if not python.exists():
        return False
    done = subprocess.run(ask, capture_output=True, text=True, check=False)
    return done.stdout.strip() == f"{sys.version} {sys.base_prefix}"


def _call(command: list[str], env: dict[str, str]) -> None:
    done = subprocess.run(command, env=env, cwd=ROOT, check=False)
    if done.returncode:
        raise SetupError(f"This failed, see above: {' '.join(command[:4])} ...")


def _stamp() -> str:
    try:
        return STAMP.read_text(encoding="utf-8")
    except OSError:
        return ""


def _interpreter() -> str:
    """The interpreter outside any venv: the new venv must not hang on the one that it replaces."""
    return str(getattr(sys, "_base_executable", None) or sys.executable)


def _home_is_usable() -> bool:
    home = os.environ.get("HOME", "")
    return os.name == "nt" or (Path(home).is_dir() and os.access(home, os.W_OK) if home else False)


def _runs(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _fetched() -> list[str]:
    places = (TOOLS / "bin" / "uv", TOOLS / "uv" / BIN / "uv", TOOLS / "site" / "bin" / "uv")
    return [str(place) for place in places if place.exists()]


def _uv_by_venv() -> None:
    if importlib.util.find_spec("ensurepip") is None:
        return
    say("Fetching uv ...")
    home = TOOLS / "uv"
    shutil.rmtree(home, ignore_errors=True)
    if _runs([_interpreter(), "-m", "venv", str(home)]):
        _pip([str(home / BIN / "python"), "-m", "pip"])


def _uv_by_target() -> None:
    if importlib.util.find_spec("pip") is None:
        return
    shutil.rmtree(TOOLS / "site", ignore_errors=True)
    _pip([_interpreter(), "-m", "pip"], "--target", str(TOOLS / "site"))


def _pip(pip: list[str], *more: str) -> None:
    locked = ["--require-hashes", "--requirement", str(LOCKS / "uv.txt")]
    command = [*pip, "install", "-qq", "--disable-pip-version-check", "--no-deps", *more, *locked]
    subprocess.run(command, env=_pip_environment(), check=False)


def _pip_environment() -> dict[str, str]:
    env = dict(os.environ)
    if not _home_is_usable():
        env.setdefault("PIP_CACHE_DIR", str(TOOLS / "cache" / "pip"))
    return env


def _uv_after_apt() -> None:
    """As root on a Debian-like system only: bring what Debian cuts out of its Python, then try the venv again."""
    geteuid = getattr(os, "geteuid", None)
    if (
        geteuid is None
        or geteuid() != 0
        or shutil.which("apt-get") is None
        or not _interpreter().startswith("/usr/bin")
    ):
        return
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    apt_install([package])
    importlib.invalidate_caches()
    _uv_by_venv()


def apt_install(packages: list[str]) -> bool:
    """Install Debian packages without asking. True if apt says that they are there now."""
    say(f"Installing {', '.join(packages)} ...")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["install", "--yes", "--no-install-recommends", *packages]
    for words in (["update"], install):
        done = subprocess.run(["apt-get", "-qq", *words], env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            say(done.stderr.strip())
    return done.returncode == 0


def _pip_settings() -> dict[str, str]:
    """What pip was told on this machine, by option; the environment outranks files, as in pip itself."""
    fetched = TOOLS / "uv" / BIN / "python"
    python = str(fetched) if fetched.exists() else _interpreter()
    done = subprocess.run([python, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False)
    found: dict[str, tuple[int, str]] = {}
    for line in done.stdout.splitlines():
        key, _, quoted = line.partition("=")
        place, _, option = key.rpartition(".")
        rank = {"global": 0, "install": 1, ":env:": 2}.get(place, -1)
        if rank >= found.get(option, (0, ""))[0]:
            found[option] = (rank, quoted.strip("'\""))
    return {option: value for option, (_, value) in found.items()}
