# SPDX-License-Identifier: Apache-2.0
"""``fumidai trace`` as a person runs it: what it prints, what it says of mistakes, and its exit codes."""

from __future__ import annotations

import bz2
import email
import gzip
import json
import lzma
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from fumidai.report.trace_json import published_trace_schema
from tests.trace.mail import mailbox, report, spam

PAGE = Path(__file__).parent.parent / "messages" / "pasted" / "maps-page.txt"


def run(*arguments: str | Path, data: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    """The command as a process of its own."""
    env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"} | environment
    command = [sys.executable, "-m", "fumidai", "trace", *map(str, arguments)]
    return subprocess.run(command, input=data, capture_output=True, env=env, timeout=60, check=False)


def test_the_evidence_of_the_report() -> None:
    """The seed: the relay named, its address asked for and not guessed, its clock, the source, the noise."""
    done = run(PAGE)
    text = " ".join(done.stdout.decode().split())
    assert (done.returncode, done.stderr) == (0, b"")
    assert text.startswith("RELAY ns.a.co.jp")
    for said in (
        "Its address is masked in the report: ask the reporter",
        "--relay-address",
        "its clock is at least 758 s fast",
        "Source: 216.76.216.45",
        "host-216-76-216-45.dab.bellsouth.net",
        "Tue Oct 17 10:41:25 2000",
    ):
        assert said in text


def test_the_address_as_the_user_knows_it() -> None:
    assert b"192.0.2.25" in run(PAGE, "--relay-address", "192.0.2.25").stdout


def test_in_japanese() -> None:
    text = run(PAGE, LANG="ja_JP.UTF-8").stdout.decode()
    assert "発信元" in text
    assert "masked" not in text


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_json_holds_to_its_schema(form: str, tmp_path: Path) -> None:
    (tmp_path / "box").write_bytes(mailbox(3))
    (tmp_path / "report.eml").write_bytes(report(spam(9)))
    done = run(PAGE, tmp_path, tmp_path / "nothing", "--format", form)
    assert done.returncode == 0
    assert b"there is no such file" in done.stderr
    documents = [json.loads(done.stdout)] if form == "json" else [json.loads(line) for line in done.stdout.splitlines()]
    for document in documents:
        jsonschema.validate(document, published_trace_schema())
    messages = [message for document in documents for message in document["messages"]]
    assert [message["found"] for message in messages] == ["pasted", "message", "message", "message", "attached"]
    assert {message["verdict"] for message in messages} == {"relay"}
    data = (tmp_path / "box").read_bytes()
    start, end = messages[2]["hops"][0]["spans"]["by"]
    assert data[start:end] == b"mx.example.net"


LOG = Path(__file__).parent.parent / "logs" / "mail.log"


@pytest.mark.parametrize("pack", ["", "gz", "xz", "bz2"])
def test_the_log_of_the_relay(pack: str, tmp_path: Path) -> None:
    """The queue id of its line leads to who handed the message in."""
    log = LOG
    if pack:
        module = {"gz": gzip, "xz": lzma, "bz2": bz2}[pack]
        log = tmp_path / f"mail.log.{pack}"
        log.write_bytes(module.compress(LOG.read_bytes()))
    text = " ".join(run(PAGE, "--log", log).stdout.decode().split())
    assert "The log of ns.a.co.jp knows more of SAA13665: it came from 216.76.216.45." in text
    document = json.loads(run(PAGE, "--log", log, "--format", "json").stdout)
    jsonschema.validate(document, published_trace_schema())
    logged = [hop["log"] for hop in document["messages"][0]["hops"]]
    assert logged[3]["ip"] == "216.76.216.45"
    assert [one["to"] for one in logged[3]["deliveries"]] == ["a@pimpdaddy.com", "b@pimpdaddy.com"]


def test_a_login_behind_a_queue_id() -> None:
    message = spam().replace(b"(8.9.3/8.9.3) with SMTP id KAA00042", b"(Postfix) with ESMTPA id 477C4AB")
    text = " ".join(run("-", "--log", LOG, data=message).stdout.decode().split())
    assert "The log of relay.a.test knows more of 477C4AB: 203.0.113.7 logged in there as bob@a.com." in text


@pytest.mark.parametrize("name", ["nothing.log", "broken.gz", "."])
def test_a_log_that_can_not_be_read(name: str, tmp_path: Path) -> None:
    (tmp_path / "broken.gz").write_bytes(gzip.compress(LOG.read_bytes())[:-20])
    done = run(PAGE, "--log", tmp_path / name)
    assert (done.returncode, b"Traceback" in done.stderr) == (64, False)
    assert b"can't be read" in done.stderr


def test_many_are_summed_up_and_written(tmp_path: Path) -> None:
    """On all cores: a summary on the screen, every message in the files."""
    import csv

    import pyarrow.parquet

    box = tmp_path / "spam.mbox"
    box.write_bytes(mailbox(9000))
    names = [tmp_path / f"out.{ending}" for ending in ("csv", "jsonl", "parquet", "txt")]
    done = run(box, *(argument for name in names for argument in ("-o", name)))
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"RELAY   9,000 messages: 9,000 passed on by a stepping stone")
    assert names[3].read_bytes() == done.stdout
    with names[0].open(newline="") as file:
        rows = list(csv.DictReader(file))
    lines = [json.loads(line)["messages"][0] for line in names[1].read_text().splitlines()]
    table = pyarrow.parquet.read_table(names[2]).to_pylist()
    assert len(rows) == len(lines) == len(table) == 9000
    offsets = [int(one["offset"]) for one in rows]
    assert offsets == sorted(offsets) == [one["offset"] for one in lines] == [one["offset"] for one in table]
    assert {one["relay"] for one in table} == {"relay.a.test"}


@pytest.mark.parametrize("name", ["out.doc", "no-folder/out.csv"])
def test_a_file_that_can_not_be_written(name: str, tmp_path: Path) -> None:
    done = run("-", "-o", tmp_path / name, data=spam())
    assert done.returncode == (64 if name.endswith("doc") else 74)
    assert b"Traceback" not in done.stderr


def test_from_standard_input() -> None:
    assert run("-", data=spam()).stdout.startswith(b"RELAY")


def test_quiet_is_one_line() -> None:
    assert len(run("-", "-q", data=spam()).stdout.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 64, b"what to trace"),
        (("no-such-file",), 66, b"there is no such file"),
        (("-", "--ours", "a b"), 64, b"neither a network nor a host name"),
        (("-", "--relay-address", "ns.a.co.jp"), 64, b"no address"),
        (("-", "--jobs", "0"), 64, b"--jobs"),
        (("-", "--report-from", "me"), 64, b"no mail address"),
        (("-", "--policy", "no-such-policy"), 64, b"no-such-policy"),
    ],
)
def test_mistakes(arguments: tuple[str, ...], code: int, said: bytes) -> None:
    done = run(*arguments, data=spam())
    assert done.returncode == code
    assert said in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    "data", [b"", b"\0\xff\x1b[2J" * 500, b"Received: \x1b]0;owned\x07 by x; now\n\n", b"\r" * 9999]
)
def test_whatever_it_is_there_is_an_answer(data: bytes) -> None:
    """Nothing out of a message reaches the terminal as a command."""
    for form in ("text", "json"):
        done = run("-", "-v", "--format", form, data=data)
        assert (done.returncode, done.stderr) == (0, b"")
        assert b"\x1b" not in done.stdout
        assert b"\x07" not in done.stdout


def test_an_abuse_report(tmp_path: Path) -> None:
    """Written, not sent; its recipients are hidden, and what is traced in it is the same."""
    name = tmp_path / "report.arf"
    assert run("-", "-o", name, data=spam()).returncode == 0
    assert b"you@example.net" not in name.read_bytes()
    assert run(name, "-q").stdout.startswith(b"RELAY  relay.a.test 192.0.2.25; source 203.0.113.7")
    box = tmp_path / "box"
    box.write_bytes(mailbox(3) + b"From x Mon Mar  2 10:00:00 2026\nSubject: nothing\n\n")
    done = run(box, "-o", tmp_path / "many.arf")
    assert b"No abuse report for 1 of the messages" in done.stderr
    assert sorted(file.name for file in tmp_path.glob("many*")) == ["many-2.arf", "many-3.arf", "many.arf"]
    assert run(PAGE, "--log", LOG, "-o", tmp_path / "log.arf").returncode == 0
    assert b"SAA13665" in (tmp_path / "log.arf").read_bytes()


POLICY = """\
[policy]
receive_for = ["example.net"]
[policy.relay]
networks = ["192.0.2.0/24"]
[[host]]
name = "%s"
owner = "post"
"""


@pytest.mark.parametrize(
    ("arguments", "policy", "verdict"),
    [
        ((), "", ("relay", "inferred")),
        (("--ours", "192.0.2.0/24"), "", ("direct", "declared")),
        (("--ours", "relay.a.test"), "", ("direct", "declared")),
        (("--ours", ".a.test"), "", ("direct", "declared")),
        (("--ours", "198.51.100.0/24"), "", ("relay", "declared")),
        ((), POLICY % "mail.example.net", ("direct", "declared")),
        ((), POLICY.replace("192.0.2.0/24", "198.51.100.0/24") % "relay.a.test", ("direct", "declared")),
        ((), POLICY.replace("192.0.2.0/24", "198.51.100.0/24") % "mail.example.net", ("relay", "declared")),
    ],
)
def test_whose_lines_are_believed(
    arguments: tuple[str, ...], policy: str, verdict: tuple[str, str], tmp_path: Path
) -> None:
    """Hosts of ours, named or in the policy, are no relays: the border is behind them, and declared."""
    if policy:
        (tmp_path / "fumidai.toml").write_text(policy)
        arguments = (*arguments, "--policy", str(tmp_path / "fumidai.toml"))
    done = run("-", "--format", "json", *arguments, data=spam())
    message = json.loads(done.stdout)["messages"][0]
    assert (message["verdict"], message["border"]["rests_on"]) == verdict


def test_one_great_message_is_shown_whole(tmp_path: Path) -> None:
    """Also where other processes read."""
    (tmp_path / "great.eml").write_bytes(spam() + b"text\n" * 1_000_000)
    (tmp_path / "masked.eml").write_bytes(PAGE.read_bytes())
    text = run(tmp_path, "--jobs", "2").stdout
    assert text.count(b"passed this message on") == 2


@pytest.mark.parametrize("encoding", ["euc_jp", "ascii", "utf-8"])
def test_where_it_is_read(encoding: str, tmp_path: Path) -> None:
    """A pipe has no colour, and every encoding gets what it can show, Japanese only where it can be written."""

    def told(*arguments: str | Path) -> bytes:
        return run(PAGE, *arguments, LANG="ja_JP.eucJP", PYTHONIOENCODING=encoding, TERM="xterm").stdout

    text = told().decode(encoding)
    assert "\x1b" not in text
    assert ("踏み台" in text or "中継" in text) == (encoding != "ascii")
    page = told("--format", "html").decode("ascii")
    assert page.startswith("<!DOCTYPE html>")
    assert ('lang="ja"' in page) == (encoding != "ascii")
    told("-o", tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_the_dns_is_asked_only_when_wanted() -> None:
    """Findings alone: what stands in the lines stays as it was. The name is one of this machine, so nobody is asked."""
    masked = b"[***.***.***.***]"
    message = spam().replace(b"dial-7.example.org [203.0.113.7]", masked).replace(b"[192.0.2.25]", masked)
    message = message.replace(b"relay.a.test", b"x.localhost")
    plain, asked = (json.loads(run("-", *more, "--format", "json", data=message).stdout)["messages"][0]
                    for more in ((), ("--dns",)))  # fmt: skip
    assert "dns-hint" in {one["id"] for one in asked["findings"]}
    assert not any(one["id"].startswith("dns") for one in plain["findings"])
    assert {**plain, "findings": []} == {**asked, "findings": []}


def test_an_abuse_report_of_what_mime_can_not_hold(tmp_path: Path) -> None:
    nested = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (at, at) for at in range(3000))
    done = run("-", "-o", tmp_path / "report.arf", data=spam().partition(b"\n\n")[0] + b"\n" + nested)
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False)
    assert b"text/rfc822-headers" in (tmp_path / "report.arf").read_bytes()


REPORTED: dict[str, tuple[tuple[str, ...], str, dict[str, str], tuple[str | None, str | None]]] = {
    "nobody is named": ((), "", {}, (None, None)),
    "by options": (
        ("--report-from", "me@a.com", "--report-to", "<abuse@b.test>"),
        "",
        {},
        ("me@a.com", "abuse@b.test"),
    ),
    "by the environment": ((), "", {"FUMIDAI_REPORT_TO": "abuse@b.test"}, (None, "abuse@b.test")),
    "the postmaster": ((), 'postmaster = "post@example.net"', {}, ("post@example.net", None)),
    "a postmaster without domain": ((), 'postmaster = "postmaster"', {}, (None, None)),
    "by the file": (
        (),
        'postmaster = "post@example.net"\n'
        '[trace]\nreport-from = "desk@example.net"\nreport-to = "abuse@b.test"\njobs = 2',
        {},
        ("desk@example.net", "abuse@b.test"),
    ),
}


@pytest.mark.parametrize("how", REPORTED)
def test_who_reports_to_whom(how: str, tmp_path: Path) -> None:
    """Nobody is made up; what is missing is said."""
    options, policy, environment, wanted = REPORTED[how]
    (tmp_path / "fumidai.toml").write_text(f'[policy]\nreceive_for = ["example.net"]\n{policy}\n')
    name = tmp_path / "report.arf"
    arguments: tuple[str | Path, ...] = ("-", "-o", name, "--policy", tmp_path / "fumidai.toml", *options)
    done = run(*arguments, data=spam(), **environment)
    mail = email.message_from_bytes(name.read_bytes())
    assert (done.returncode, mail["From"], mail["To"]) == (0, *wanted)
    assert (b"has no From" in done.stderr, b"To: give" in done.stderr) == (wanted[0] is None, wanted[1] is None)


@pytest.mark.parametrize(
    "address", ["abuse", "a b@c.test", "a@b.test, c@d.test", "@x:a@b.test", "踏@b.test", "a@b\r\nBcc: c"]
)
def test_an_address_that_is_none(address: str) -> None:
    done = run("-", "--report-to", address, data=spam())
    assert (done.returncode, b"is no mail address" in done.stderr) == (64, True)


@pytest.mark.parametrize("name", ["evidence.txt", "evidence.arf"])
def test_evidence_is_not_written_over(name: str, tmp_path: Path) -> None:
    evidence = tmp_path / name
    evidence.write_bytes(spam())
    done = run(evidence, "-o", evidence)
    assert (done.returncode, evidence.read_bytes()) == (64, spam())
    assert b"would be written over" in done.stderr
