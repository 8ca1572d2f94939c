# SPDX-License-Identifier: Apache-2.0
"""The lab's own facts: the servers' descriptions, and the DNS that leads to them. Needs no root."""

from __future__ import annotations

import struct
from pathlib import Path

import dns.message
import dns.rcode
import dns.rdatatype
import pytest

from lab.dns import NXDOMAIN, answer
from lab.errors import LabError
from lab.place import DEFAULT_STATE, SOURCE, Place
from lab.servers import all_servers, choose, read_server
from lab.truth import FORMS
from lab.zone import make_zone

ZONE = make_zone(all_servers().values())


def ask(name: str, kind: str) -> dns.message.Message:
    """The DNS server's reply, read by another implementation."""
    query = dns.message.make_query(name, kind)
    reply = answer(query.to_wire(), ZONE)
    assert reply is not None
    message = dns.message.from_wire(reply)
    assert query.is_response(message)
    return message


def found(name: str, kind: str) -> list[str]:
    """The data of the records of one type at a name."""
    return sorted(data.to_text() for rrset in ask(name, kind).answer for data in rrset)


@pytest.mark.parametrize("server", all_servers().values(), ids=lambda server: server.name)
def test_every_server_is_found_both_ways(server) -> None:
    assert found(server.domain, "MX") == [f"10 {server.hostname}."]
    assert found(server.hostname, "A") == [server.v4]
    assert found(server.hostname, "AAAA") == [server.v6.lower()]
    reverse = ".".join(reversed(server.v4.split("."))) + ".in-addr.arpa"
    assert found(reverse, "PTR") == [f"{server.hostname}."]


def test_proofs_come_to_the_strangers() -> None:
    assert found("proof.test", "MX") == ["10 sink.proof.test."]
    assert found("sink.proof.test", "A") == ["198.51.100.7"]
    assert found("sink.proof2.test", "AAAA") == ["2001:db8:7::8"]
    assert found("mx-postfix-default.test", "MX") == ["10 sink.proof.test.", "20 postfix-default.lab.test."]


def test_a_name_without_records_of_a_type_is_no_missing_name() -> None:
    assert ask("proof.test", "A").rcode() == dns.rcode.NOERROR
    assert ask("lab.test", "MX").rcode() == dns.rcode.NOERROR
    assert ask("nowhere.test", "A").rcode() == NXDOMAIN
    assert ask("PROOF.Test", "MX").answer


@pytest.mark.parametrize("query", [b"", b"x" * 11, struct.pack("!6H", 1, 0x8000, 1, 0, 0, 0)])
def test_what_is_no_query_gets_no_reply(query: bytes) -> None:
    assert answer(query, ZONE) is None


@pytest.mark.parametrize("rest", [b"", b"\x05ab", b"\xc0\x0c\0\1\0\1", b"\1a\0\0"])
def test_a_question_that_cannot_be_read_is_a_format_error(rest: bytes) -> None:
    reply = answer(struct.pack("!6H", 7, 0, 1, 0, 0, 0) + rest, ZONE)
    assert reply is not None
    assert dns.message.from_wire(reply).rcode() == dns.rcode.FORMERR


def test_the_lab_has_what_it_is_there_for() -> None:
    servers = all_servers().values()
    assert len({way for server in servers for way in server.ways}) >= 12
    assert {server.mta for server in servers} == {"postfix", "exim", "sendmail", "opensmtpd", "haraka"}
    assert sum(server.truth == "sound" for server in servers) >= 6
    assert any(server.truth == "reflects" for server in servers)
    assert any(server.truth == "open" and server.families == "6" for server in servers)


def test_every_hole_is_one_that_the_truth_asks_about() -> None:
    known = {form.id for form in FORMS}
    assert not {i for server in all_servers().values() for i in (*server.delivers, *server.refuses)} - known


@pytest.mark.parametrize("server", all_servers().values(), ids=lambda server: server.name)
def test_every_server_is_in_the_docs(server) -> None:
    page = (SOURCE.parent / "docs" / "lab.md").read_text(encoding="utf-8")
    where = " (IPv6 only)" if server.families == "6" else ""
    assert f"| `{server.name}` | {server.truth}{where} | {server.why} |" in page


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("mta = ", "server.toml"),
        ('mta = "postfix"', "host"),
        ('colour = "red"', "unknown key colour"),
        ('mta = "postfix"\nhost = 9\ntruth = "sound"\nwhy = ""\nverdicts = ["closed"]', "between 10 and 250"),
        ('mta = "postfix"\nhost = 11\ntruth = "open"\nwhy = ""\nverdicts = ["open"]', "name the tests"),
        ('mta = "sendmoil"\nhost = 11\ntruth = "sound"\nwhy = ""\nverdicts = ["closed"]', "no recipe"),
        ('mta = "postfix"\nhost = 11\ntruth = "maybe"\nwhy = ""\nverdicts = ["closed"]', "truth is one of"),
        ('mta = "postfix"\nhost = 11\ntruth = "sound"\nwhy = ""\nverdicts = ["shut"]', "verdicts are out of"),
    ],
)
def test_a_wrong_description_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "server.toml").write_text(text, encoding="utf-8")
    with pytest.raises(LabError, match=complaint):
        read_server(tmp_path)


def test_servers_are_chosen_by_name_or_program() -> None:
    assert {server.mta for server in choose(["haraka"])} == {"haraka"}
    assert [server.name for server in choose(["tarpit", "tarpit"])] == ["tarpit"]
    with pytest.raises(LabError, match="no server nobody"):
        choose(["nobody"])


def test_two_labs_do_not_share_a_name() -> None:
    ours, other = Place(Path(DEFAULT_STATE), Path("x")), Place(Path("/elsewhere"), Path("x"))
    assert not other.prefix.startswith(ours.prefix)
    assert not ours.prefix.startswith(other.prefix)
