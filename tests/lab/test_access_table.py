# SPDX-License-Identifier: Apache-2.0
"""The access table against the lab's sendmail: it still says what was recorded, and to new questions what we say."""

from __future__ import annotations

import tarfile
from collections import Counter
from collections.abc import Iterator

import pytest

from lab.images import build_images, image_file
from lab.place import Place
from tests.lab.conftest import IMAGES, need_machine
from tests.policy.sendmail import PROGRAM, Sendmail, cases, sendmail
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
    for table, questions in cases(2026, 150):
        told, counted = differences(table, zip(questions, oracle.answers(table, questions), strict=True))
        different += told
        count += counted
    assert different[:3] == []
    assert sum(count.values()) > 7000
