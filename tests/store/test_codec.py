# SPDX-License-Identifier: Apache-2.0
"""Whatever our dataclasses hold comes back from JSON as it was."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fumidai.battery.attempt import Attempt, Inapplicable
from fumidai.battery.ground import Ground
from fumidai.battery.row import RelayTest
from fumidai.evidence.endpoint import Endpoint
from fumidai.evidence.outcome import Outcome
from fumidai.evidence.proof import Arrival, Proof
from fumidai.evidence.verdict import Verdict
from fumidai.policy.request import UNKNOWN, Request
from fumidai.store.codec import CodecError, decode, encode, encode_part

KINDS = (Attempt, Inapplicable, Ground, RelayTest, Endpoint, Outcome, Arrival, Proof, Request)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


def through_json(kind, value):
    return decode(kind, json.loads(json.dumps(encode(kind, value))))


@pytest.mark.parametrize("kind", KINDS)
def test_every_value_comes_back(kind):
    @settings(max_examples=40, suppress_health_check=list(HealthCheck), deadline=None)
    @given(st.from_type(kind))
    def comes_back(value):
        assert through_json(kind, value) == value

    with_floats = st.register_type_strategy
    with_floats(float, NUMBERS)
    comes_back()


@given(st.binary())
def test_every_byte_comes_back(data):
    assert through_json(bytes, data) == data


def test_what_text_can_not_tell_apart_is_told_apart():
    for helo in ("unknown", UNKNOWN, None):
        assert through_json(Request, Request(helo=helo)).helo == helo
    for client in (IPv4Address("192.0.2.1"), IPv6Address("2001:db8::1"), UNKNOWN):
        assert through_json(Request, Request(client=client)).client == client


@dataclass(frozen=True)
class Old:
    number: int
    text: str = "default"
    verdict: Verdict = Verdict.CLOSED
    pair: tuple[int, str] = (1, "x")
    inner: tuple[Endpoint, ...] = ()
    _private: int = 0


def test_older_and_newer_files_can_be_read():
    assert decode(Old, {"number": 1}) == Old(1)
    assert decode(Old, {"number": 1, "later": [1, 2]}) == Old(1)
    assert [field.name for field in fields(Old)][-1] not in encode(Old, Old(1))


def test_a_part_and_what_is_given_make_a_whole():
    part = encode_part(Old, Old(3, "x"), frozenset({"text"}))
    assert "text" not in part
    assert decode(Old, part, text="y") == Old(3, "y")


@pytest.mark.parametrize(
    "data",
    [
        {},
        [],
        None,
        "x",
        {"number": "1"},
        {"number": True},
        {"number": 1, "text": 2},
        {"number": 1, "verdict": "splendid"},
        {"number": 1, "pair": [1]},
        {"number": 1, "pair": {"a": 1}},
        {"number": 1, "inner": [{"target": "x"}]},
        {"number": 1, "inner": "abc"},
    ],
)
def test_what_does_not_fit_is_said_to_be_damaged(data):
    with pytest.raises(CodecError):
        decode(Old, data)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_no_json_raises_anything_else(data):
    for kind in KINDS:
        with pytest.raises(CodecError):
            decode(
                kind, data if not isinstance(data, dict) else {**data, "number": {}, "client": {"is": "x"}, "target": 1}
            )
