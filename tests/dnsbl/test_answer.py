# SPDX-License-Identifier: Apache-2.0
"""Answers: an error is never a listing, whatever stands beside it."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumidai.dnsbl.answer import LONGEST_REASON, Answer, Kind, read_answer, with_reason
from fumidai.dnsbl.codes import read_codes
from fumidai.dnsbl.health import Health, believe, judge

CODES = st.lists(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=4, network="127.0.0.0/8")), max_size=6)
FILTERS = st.sampled_from([None, read_codes(["127.0.0.[2..11]"]), read_codes(["127.0.0.1", "127.255.255.[0..255]"])])


def read(*texts: str, wanted: str = "", refusals: str = "") -> tuple[str, list[str]]:
    answer = read_answer(
        map(IPv4Address, texts), read_codes([wanted]) if wanted else None, frozenset(map(IPv4Address, refusals.split()))
    )
    return answer.kind.value, list(map(str, answer.codes))


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        ([], ("clean", [])),
        (["127.0.0.2"], ("listed", ["127.0.0.2"])),
        (["127.0.0.10", "127.0.0.4"], ("listed", ["127.0.0.4", "127.0.0.10"])),
        (["127.255.255.254"], ("refused", ["127.255.255.254"])),
        (["127.0.0.2", "127.255.255.252"], ("refused", ["127.255.255.252"])),
        (["127.0.0.1"], ("refused", ["127.0.0.1"])),
        (["192.0.2.80"], ("broken", ["192.0.2.80"])),
        (["127.0.0.2", "192.0.2.80"], ("broken", ["192.0.2.80"])),
        (["0.0.0.0"], ("broken", ["0.0.0.0"])),
    ],
)
def test_what_an_answer_comes_to(texts: list[str], found: tuple[str, list[str]]) -> None:
    assert read(*texts) == found


def test_only_wanted_codes_are_listings() -> None:
    assert read("127.0.0.4", "127.0.0.10", wanted="127.0.0.[2..9]") == ("listed", ["127.0.0.4"])
    assert read("127.0.0.10", wanted="127.0.0.[2..9]") == ("clean", ["127.0.0.10"])
    assert read("127.0.0.1", wanted="127.0.0.1") == ("refused", ["127.0.0.1"])


def test_a_list_has_refusals_of_its_own() -> None:
    assert read("127.0.1.255", refusals="127.0.1.255") == ("refused", ["127.0.1.255"])


@given(CODES, FILTERS)
def test_a_listing_rests_on_nothing_but_codes_that_count(codes: list[IPv4Address], wanted) -> None:
    answer = read_answer(codes, wanted)
    spoilt = [code for code in codes if code not in IPv4Network("127.0.0.0/8") or code == IPv4Address("127.0.0.1")]
    spoilt += [code for code in codes if code in IPv4Network("127.255.255.0/24")]
    assert (answer.kind in (Kind.BROKEN, Kind.REFUSED)) == bool(spoilt)
    if answer.kind is Kind.LISTED:
        assert answer.codes
        assert set(answer.codes) <= set(codes)
        assert wanted is None or all(code in wanted for code in answer.codes)


@given(CODES, CODES, st.sampled_from(Health))
def test_an_unsound_list_lists_nobody(codes: list[IPv4Address], more: list[IPv4Address], health: Health) -> None:
    worth = believe(read_answer(codes), health)
    if health not in (Health.SOUND, Health.NO_TEST_POINT):
        assert worth.kind is Kind.UNSOUND
    if worth.kind is Kind.CLEAN:
        assert health is Health.SOUND
    # A list whose forbidden name has any answer at all never lists anybody.
    if more:
        worth = believe(read_answer(codes), judge(read_answer(codes), read_answer(more)))
        assert worth.kind not in (Kind.LISTED, Kind.CLEAN)


@pytest.mark.parametrize(
    ("listed", "not_listed", "health"),
    [
        (Kind.LISTED, Kind.CLEAN, Health.SOUND),
        (Kind.CLEAN, Kind.CLEAN, Health.NO_TEST_POINT),
        (Kind.LISTED, Kind.LISTED, Health.LISTS_ALL),
        (Kind.FAILED, Kind.LISTED, Health.LISTS_ALL),
        (Kind.REFUSED, Kind.REFUSED, Health.REFUSES),
        (Kind.LISTED, Kind.REFUSED, Health.REFUSES),
        (Kind.BROKEN, Kind.BROKEN, Health.BROKEN),
        (Kind.FAILED, Kind.FAILED, Health.SILENT),
        (Kind.LISTED, Kind.FAILED, Health.SILENT),
        (Kind.FAILED, Kind.CLEAN, Health.SILENT),
    ],
)
def test_health(listed: Kind, not_listed: Kind, health: Health) -> None:
    assert judge(Answer(listed), Answer(not_listed)) is health


def test_a_list_without_test_points_is_believed_when_it_lists_only() -> None:
    assert believe(Answer(Kind.LISTED), Health.NO_TEST_POINT).kind is Kind.LISTED
    assert believe(Answer(Kind.CLEAN), Health.NO_TEST_POINT) == Answer(Kind.UNSOUND, (), "no-test-point")
    assert believe(Answer(Kind.FAILED, (), "late"), Health.SOUND) == Answer(Kind.FAILED, (), "late")


@given(st.lists(st.binary(max_size=600), max_size=4))
def test_any_text_becomes_one_bounded_line(records: list[bytes]) -> None:
    reason = with_reason(Answer(Kind.LISTED), records).reason
    assert len(reason) <= LONGEST_REASON
    assert not any(end in reason for end in "\r\n\x0b\x0c\x85\u2028\u2029")


def test_texts_are_kept_readable() -> None:
    given = [b"see  https://bl.test/?203.0.113.9\r\n", b"caf\xe9", b"", b"caf\xe9"]
    assert with_reason(Answer(Kind.LISTED), given).reason == "see https://bl.test/?203.0.113.9; caf\\xe9"
