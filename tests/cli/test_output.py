# SPDX-License-Identifier: Apache-2.0
"""What is printed where: streams that are closed or full, terminals of any width and encoding, files of any format.

Limits: a pseudo-terminal stands for the terminal; what a font makes of a character is not seen.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import termios
from pathlib import Path

import jsonschema
import pytest

from fumidai.report.json import published_schema
from fumidai.report.width import cells
from tests.cli.conftest import Runner
from tests.cli.street import Street
from tests.tester.servers import Behaviour

NOWHERE = ("test", "127.0.0.1:2", "--policy", "pol.toml")
INK = re.compile(r"\x1b\[[0-9;]*m")


def shell(fumidai: Runner, redirection: str, *words: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command with a redirection behind it; the code is the command's own."""
    command = " ".join(fumidai.command(words))
    return subprocess.run(
        ["bash", "-c", f"{command} {redirection}; exit ${{PIPESTATUS[0]}}"],
        cwd=fumidai.folder,
        env=fumidai.env(None),
        capture_output=True,
        timeout=60,
        check=False,
    )


def on_terminal(
    fumidai: Runner, words: tuple[str, ...], *, columns: int = 80, keys: bytes = b"", **env: str
) -> tuple[int, str]:
    """Run the command on a pseudo-terminal of this width; its code, and all that it wrote."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = fumidai.env({"TERM": "xterm", **env})
    with subprocess.Popen(
        fumidai.command(words),
        cwd=fumidai.folder,
        env=environment,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    ) as process:
        os.close(slave)
        if keys:
            os.write(master, keys)
        seen = b""
        while select.select([master], [], [], 30)[0]:
            try:
                data = os.read(master, 65536)
            except OSError:
                break
            if not data:
                break
            seen += data
        code = process.wait(timeout=30)
    os.close(master)
    return code, seen.decode(env.get("PYTHONIOENCODING", "utf-8")).replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("redirection", "code"),
    [(">&-", 3), ("2>&-", 3), (">&- 2>&-", 3), ("| true", 3), ("2>/dev/full", 3), (">/dev/full", 74)],
)
def test_streams_that_take_nothing(redirection: str, code: int, fumidai: Runner) -> None:
    done = shell(fumidai, redirection, *NOWHERE)
    assert done.returncode == code
    assert b"Traceback" not in done.stdout + done.stderr
    assert b"Exception ignored" not in done.stderr
    assert len(fumidai.runs()) == 1, "the run itself is kept"
    if code == 74:
        assert b"can't be written: No space left on device" in done.stderr


def test_a_reader_who_leaves_after_one_line(fumidai: Runner) -> None:
    done = shell(fumidai, "| head -n 1", "test", "--help")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"Usage: fumidai test [OPTIONS] TARGET...\n"


@pytest.mark.parametrize(
    ("lang", "encoding"),
    [
        ("C", "ascii"),
        ("C", "cp932"),
        ("ja_JP.UTF-8", "ascii"),
        ("ja_JP.UTF-8", "latin-1"),
        ("ja_JP.UTF-8", "utf-8"),
        ("ja_JP.UTF-8", "cp932"),
        ("ja_JP.eucJP", "euc_jp"),
        ("ja_JP.JIS7", "iso2022_jp"),
    ],
)
def test_every_encoding(lang: str, encoding: str, fumidai: Runner, street: Street) -> None:
    port = street.serve()
    words = ["test", f"127.0.0.1:{port}", "--policy", "pol.toml", "--tests", "plain-foreign,pct-domain"]
    done = fumidai(*words, env={"PYTHONIOENCODING": encoding, "LANG": lang})
    assert done.code == 0
    text = done.raw_out.decode(encoding)
    assert "\\u" not in text, "nothing had to be written as an escape"
    japanese = lang != "C" and encoding not in ("ascii", "latin-1")
    assert ("踏み台" in text or "中継" in text) is japanese
    assert text.startswith("CLOSED ")
    helped = fumidai("test", "--help", env={"PYTHONIOENCODING": encoding, "LANG": lang})
    assert helped.code == 0
    assert "\\u" not in helped.raw_out.decode(encoding)


@pytest.mark.parametrize(
    ("columns", "lang"), [(40, "C.UTF-8"), (40, "ja_JP.UTF-8"), (80, "ja_JP.UTF-8"), (200, "C.UTF-8")]
)
def test_every_width(columns: int, lang: str, fumidai: Runner, street: Street) -> None:
    port = street.serve(Behaviour(slow=0.0005))
    words = ("test", f"127.0.0.1:{port}", "--policy", "pol.toml", "--battery", "quick")
    code, text = on_terminal(fumidai, words, columns=columns, LANG=lang)
    assert code == 0
    bare = INK.sub("", text).replace("\x1b[K", "")
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", bare.replace("\r", "").replace("\n", ""))
    bars = [line for line in re.split("[\r\n]", bare) if line.startswith("[")]
    assert bars, "there was a bar"
    assert max(map(cells, bars)) < columns, "a bar that wraps can't be written over"
    body = bare[bare.index("CLOSED") :].rstrip("\n").splitlines()
    assert max(map(cells, body[:-1])) <= columns
    assert body[-1].endswith(fumidai.runs()[0].name), "the last line is whole, whatever its length"


def test_colour_is_for_terminals_that_want_it(fumidai: Runner, street: Street) -> None:
    port = street.serve()
    words = ("test", f"127.0.0.1:{port}", "--policy", "pol.toml", "--tests", "plain-foreign")
    assert INK.search(on_terminal(fumidai, words)[1])
    assert not INK.search(on_terminal(fumidai, words, NO_COLOR="1")[1])
    assert not INK.search(on_terminal(fumidai, words, TERM="dumb")[1])
    assert not INK.search(fumidai(*words).out)


def test_quiet_is_one_line(fumidai: Runner, street: Street) -> None:
    port = street.serve()
    words = ("test", f"127.0.0.1:{port}", "--policy", "pol.toml", "--battery", "quick", "-q")
    done = fumidai(*words)
    assert re.fullmatch(r"CLOSED  18 refused; [0-9.]+ s; exit 0; \S+\n", done.out)
    assert done.err == ""
    assert on_terminal(fumidai, words)[1].count("\n") == 1


def test_verbose_shows_the_dialogue(fumidai: Runner, street: Street) -> None:
    port = street.serve()
    done = fumidai("test", f"127.0.0.1:{port}", "--policy", "pol.toml", "--tests", "plain-foreign", "-v")
    assert re.search(r"^ +\d+\.\d{3} <<< 220 mail\.a\.test ESMTP$", done.out, re.MULTILINE)
    assert re.search(r"^ +\d+\.\d{3} >>> RCPT TO:<fm[a-z2-7]{24}@", done.out, re.MULTILINE)
    assert re.search(r"^  \+ plain-foreign +refused +550 5\.7\.1 Relaying denied$", done.out, re.MULTILINE)
    assert done.out.index("CLOSED ") < done.out.index("<<<"), "verdict first"


def test_all_formats_at_once(fumidai: Runner, street: Street) -> None:
    port = street.serve()
    files = ("a.txt", "a.json", "a.jsonl", "a.maps")
    options = [word for name in files for word in ("-o", name)]
    done = fumidai("test", f"127.0.0.1:{port}", "--policy", "pol.toml", "--battery", "quick", *options).assert_tidy()
    assert done.code == 0
    text, whole, lines, maps = ((fumidai.folder / name).read_text() for name in files)
    assert text == done.out
    jsonschema.validate(json.loads(whole), published_schema())
    assert [json.loads(line)["verdict"] for line in lines.splitlines()] == ["closed"]
    assert maps.startswith("Connecting to 127.0.0.1 ...\n")
    for name in files:
        form = {"txt": "text"}.get(name[2:], name[2:])
        shown = fumidai("show", fumidai.runs()[0].name, "--format", form)
        assert shown.out == (fumidai.folder / name).read_text(), name


def test_the_dialogue_of_2001(fumidai: Runner, street: Street) -> None:
    """Line for line as the report of 2001 has it, where it has it."""
    port = street.serve()
    done = fumidai("test", f"127.0.0.1:{port}", "--policy", "pol.toml", "--battery", "maps").assert_tidy()
    assert done.code == 0, done.out
    lines = [re.sub(r"fm[a-z2-7]{24}", "TOKEN", line) for line in done.out.splitlines()]
    assert lines[:15] == [
        "Connecting to 127.0.0.1 ...",
        "<<< 220 mail.a.test ESMTP",
        ">>> HELO " + lines[2].removeprefix(">>> HELO "),
        "<<< 250 mail.a.test Hello [127.0.0.1]",
        ":Relay test: #Quote test",
        ">>> mail from: <spamtest@localhost>",
        "<<< 250 2.1.0 Ok",
        '>>> rcpt to: <"TOKEN@relay-test.example">',
        "<<< 550 5.7.1 Relaying denied",
        ">>> rset",
        "<<< 250 2.0.0 Reset",
        ":Relay test: #Test 1",
        ">>> mail from: <TOKEN@relay-test.example>",
        "<<< 250 2.1.0 Ok",
        ">>> rcpt to: <TOKEN@relay-test.example>",
    ]
    assert lines[-11:] == [
        ":Relay test: #test 19",
        ">>> mail from: <postmaster@localhost>",
        "<<< 250 2.1.0 Ok",
        ">>> rcpt to: <TOKEN@relay-test.example>",
        "<<< 550 5.7.1 Relaying denied",
        ">>> rset",
        "<<< 250 2.0.0 Reset",
        ">>> QUIT",
        "<<< 221 bye",
        "Tested host banner: 220 mail.a.test ESMTP",
        "System appeared to reject relay attempts",
    ]
    assert fumidai("show", fumidai.runs()[0].name, "--format", "maps").out == done.out


def test_files_that_cannot_be_written(fumidai: Runner, street: Street) -> None:
    port = street.serve()
    words = ["test", f"127.0.0.1:{port}", "--policy", "pol.toml", "--tests", "plain-foreign"]
    (fumidai.folder / "full.json").symlink_to("/dev/full")
    done = fumidai(*words, "-o", "full.json", "-o", "a.txt").assert_tidy()
    assert done.code == 74
    assert "full.json can't be written: No space left on device" in done.err
    assert f"fumidai show {fumidai.runs()[0].name} -o FILE" in done.err
    assert (fumidai.folder / "a.txt").read_text() == done.out, "the other file is written all the same"
    before = len(fumidai.runs())
    for name in ("nowhere/a.json", "folder.json"):
        (fumidai.folder / "folder.json").mkdir(exist_ok=True)
        assert fumidai(*words, "-o", name).assert_tidy().code == 64
    assert len(fumidai.runs()) == before, "said before anything is asked"


def test_a_disk_that_fills_up(fumidai: Runner, street: Street) -> None:
    """The run goes on, its result is printed, and that it could not be kept is said."""
    port = street.serve()
    command = " ".join(fumidai.command(["test", f"127.0.0.1:{port}", "--policy", "pol.toml"]))
    done = subprocess.run(
        # No file may grow beyond 16 KiB; the signal for it is ignored, so that writing fails as on a full disk.
        ["bash", "-c", f"trap '' XFSZ; ulimit -f 16; exec {command}"],
        cwd=fumidai.folder,
        env=fumidai.env(None),
        capture_output=True,
        timeout=60,
        check=False,
    )
    out, err = done.stdout.decode(), done.stderr.decode()
    assert "Traceback" not in out + err
    assert done.returncode == 0, err
    assert "refused all 167 relay attempts" in out
    assert "can't be written any more: File too large. The run goes on in memory." in err
    shown = fumidai("show", fumidai.runs()[0].name).assert_tidy()
    assert shown.code in (0, 3), "what was kept until then can be shown"


@pytest.mark.parametrize(
    ("state", "why"),
    [("pol.toml", "File exists"), ("pol.toml/x", "Not a directory"), ("/proc/nosuch", "No such file")],
)
def test_a_state_folder_that_is_none(state: str, why: str, fumidai: Runner) -> None:
    done = fumidai(*NOWHERE, env={"FUMIDAI_STATE": state}).assert_tidy()
    assert done.code == 74
    assert why in done.err
    assert "FUMIDAI_STATE=FOLDER" in done.err


def test_a_fresh_home(fumidai: Runner) -> None:
    (fumidai.folder / "home").mkdir()
    done = fumidai(*NOWHERE, env={"FUMIDAI_STATE": None})
    assert done.code == 3
    assert Path(done.last.rpartition("; ")[2]).is_relative_to(fumidai.folder / "home")


def test_a_question_on_a_terminal(fumidai: Runner) -> None:
    code, text = on_terminal(fumidai, ("test", "192.0.2.1"), keys=b"n\n")
    assert code == 64
    assert "Test 192.0.2.1? Public addresses: 1." in text
    code, text = on_terminal(fumidai, ("test", "192.0.2.1"), keys=b"\n")
    assert code == 64
    assert fumidai.runs() == []
