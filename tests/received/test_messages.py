# SPDX-License-Identifier: Apache-2.0
"""Every message of tests/messages is read and weighed as the file beside it says; README.md there tells how."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from fumidai.received.families import FAMILIES
from fumidai.received.hop import Hop
from fumidai.received.read import read_head, spans
from fumidai.received.trace import Relay, Trace, TracedHop
from fumidai.received.weigh import weigh
from tests.received.test_read import check_spans

FOLDER = Path(__file__).parents[1] / "messages"
MESSAGES = sorted(FOLDER.rglob("*.eml"))


def name(path: Path) -> str:
    return str(path.relative_to(FOLDER).with_suffix(""))


def expected(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.with_suffix(".toml").read_text(encoding="utf-8"))


def traced(path: Path) -> Trace:
    message = path.read_bytes()
    head = read_head(message)
    return weigh(head.hops, head.headers, message=message)


def said(hop: Hop) -> dict[str, str]:
    """What a hop says, under the names of the files, without what it doesn't."""
    client = hop.client
    parts = {
        "kind": hop.kind.value, "helo": client.helo, "rdns": client.rdns, "ip": client.ip, "ident": client.ident,
        "masked": client.masked, "by": hop.by, "by_ip": hop.by_ip, "with": hop.with_, "id": hop.id, "for": hop.for_,
        "envelope_from": hop.envelope_from, "auth": hop.auth, "date": hop.date.isoformat() if hop.date else "",
        "family": hop.family, "software": hop.software, "version": hop.version, "config": hop.config,
    }  # fmt: skip
    return {key: part for key, part in parts.items() if part}


def weighed(step: TracedHop, like: dict[str, Any]) -> dict[str, Any]:
    """Trust and claims, where the file says something of them."""
    worth = {"trust": step.trust.value, "claims": [claim.id for claim in step.claims]}
    return {key: worth[key] for key in worth if key in like}


@pytest.mark.parametrize("path", MESSAGES, ids=name)
def test_hops(path: Path) -> None:
    trace, hops = traced(path), expected(path)["hop"]
    assert [said(step.hop) | weighed(step, like) for step, like in zip(trace.hops, hops, strict=True)] == [
        {"kind": "transfer"} | like for like in hops
    ]


@pytest.mark.parametrize("path", MESSAGES, ids=name)
def test_verdict(path: Path) -> None:
    trace, like = traced(path), expected(path)
    found = [finding.id for finding in trace.findings]
    assert trace.verdict == like["verdict"]
    assert trace.confidence == like.get("confidence", trace.confidence)
    assert found == like.get("findings", found)
    assert like.get("finding", "") in {"", *found}
    if "source" in like:
        assert trace.source is not None
        assert trace.source.ip == like["source"]
    assert relay(trace.relay) == ({"ip": ""} | like["relay"] if "relay" in like else {"ip": ""})


def relay(found: Relay | None) -> dict[str, Any]:
    if found is None:
        return {"ip": ""}
    names = ("name", "masked", "entry", "software", "version")
    clock = found.clock
    bounds = {"at_least": clock.at_least, "at_most": clock.at_most} if clock else {}
    parts = {name: getattr(found, name) for name in names} | bounds
    return {key: part for key, part in parts.items() if part not in {"", None}} | {"ip": found.ip}


@pytest.mark.parametrize("path", MESSAGES, ids=name)
def test_spans(path: Path) -> None:
    message = path.read_bytes()
    for hop in read_head(message).hops:
        check_spans(message, hop)
        assert bool(spans(hop)) == hop.known


def test_every_message_has_its_expectation_and_every_folder_is_told_of() -> None:
    assert {path.with_suffix("") for path in MESSAGES} == {path.with_suffix("") for path in FOLDER.rglob("*.toml")}
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    folders = {path.name for path in FOLDER.iterdir() if path.is_dir()}
    assert folders == set(re.findall(r"^\| `([\w-]+)` \|", readme, re.MULTILINE))


def test_every_family_is_shown() -> None:
    """A mark that no message here bears is a mark that nobody has proven: write the message, or drop the row."""
    shown = {hop.get("family") for path in MESSAGES for hop in expected(path)["hop"]}
    assert {family.id for family in FAMILIES} <= shown


def test_every_form_says_how_sure_it_is() -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    sure = dict(re.findall(r"^\| `([\w-]+)` \| .* \| ([\w, ]+) \|$", readme, re.MULTILINE))
    assert set(sure) == {path.name for path in FOLDER.iterdir() if path.is_dir()}
    assert {word for words in sure.values() for word in words.split(", ")} <= {"seen", "source", "told", "ours"}


NOBODYS = re.compile(
    r"(?:192\.0\.2|198\.51\.100|203\.0\.113|127\.0\.0|10\.\d+\.\d+)\.\d+|2001:db8:.*|2603:10a6:.*|fe80::.*"
)


@pytest.mark.parametrize("path", [path for path in MESSAGES if path.parent.name != "report"], ids=name)
def test_addresses_are_nobodys(path: Path) -> None:
    """Documentation addresses, private ones, and those by which Exchange Online's own hosts are known."""
    seen = {step.hop.client.ip for step in traced(path).hops} - {""}
    assert not [address for address in seen if not NOBODYS.fullmatch(address)]
