# SPDX-License-Identifier: Apache-2.0
"""The access table against the lab's sendmail: it still says what was recorded, and to new questions what we say."""

from __future__ import annotations

import tarfile
from collections import Counter
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from fumidai.policy.access import Tag
from lab.images import build_images, image_file
from lab.place import Place
from tests.lab.conftest import IMAGES, need_machine
from tests.policy.asking import with_access
from tests.policy.sendmail import CLIENTS, PROGRAM, Sendmail, cases, counted, sendmail
from tests.policy.test_sendmail import differences, recorded

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sendmail]:
    """The sendmail of the lab's image, without a lab around it."""
    need_machine()
    root = tmp_path_factory.mktemp("sendmail")
    place = Place(root / "state", IMAGES)
    build_images(place, {"sendmail"})
    with tarfile.open(image_file(place, "sendmail")) as image:
        image.extractall(root, [member for member in image if member.name.startswith("./usr/")], filter="tar")
    # A program that changes its group is not given the libraries' folder.
    (root / PROGRAM).chmod(0o755)
    with sendmail(root) as made:
        yield made


def test_it_says_what_was_recorded(oracle: Sendmail) -> None:
    for table, asked in recorded():
        now = oracle.answers(table, [question for question, _ in asked])
        assert now == [answer for _, answer in asked], table


def test_we_say_the_same_to_new_questions(oracle: Sendmail) -> None:
    different, count = [], Counter[str]()
    for table, questions in cases(2026, 100):
        told, counted = differences(table, zip(questions, oracle.answers(table, questions), strict=True))
        different += told
        count += counted
    assert different[:3] == []
    assert sum(count.values()) > 4700


def test_numbers_are_found_as_it_finds_them(oracle: Sendmail) -> None:
    clients = list(dict.fromkeys(client for client, _ in CLIENTS))
    found = Counter[bool]()
    for table in counted(2026, 60):
        access = with_access(table).access
        for client, said in zip(clients, oracle.numbers(table, clients), strict=True):
            ours = tuple(access.client_number(tag, ip_address(client)) for tag in (Tag.CLIENT_RATE, Tag.CLIENT_CONN))
            assert ours == said, (client, table)
            found[ours == (None, None)] += 1
    assert min(found.values()) > 40
