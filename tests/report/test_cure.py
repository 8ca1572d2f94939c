# SPDX-License-Identifier: Apache-2.0
"""Cures stand in the order of an emergency, whatever order they come in."""

from __future__ import annotations

from fumidai.report.cure import CureText, Urgency, cure_lines
from fumidai.report.voice import Voice
from fumidai.report.width import cells


def texts(cures, *, language="en", width=80, commands=True):
    """The lines without ink."""
    return [line.text for line in cure_lines(cures, Voice(language), width, commands=commands)]


def test_the_most_urgent_comes_first_whatever_order_they_come_in():
    cures = [CureText(urgency, urgency.value) for urgency in reversed(Urgency)]
    assert texts(cures) == [
        "Now:    now",
        "Mend:   mend",
        "Then:   clear",
        "Prove:  prove",
        "Tell:   tell",
    ]


def test_a_label_and_a_page_are_said_once():
    cures = [
        CureText(Urgency.NOW, "Stop it.", ("postfix stop",), "docs/mend/postfix.md"),
        CureText(Urgency.NOW, "Hold the queue.", (), "docs/mend/postfix.md"),
    ]
    assert texts(cures) == [
        "Now:    Stop it: docs/mend/postfix.md",
        "          postfix stop",
        "        Hold the queue.",
    ]


def test_commands_are_left_out_where_there_is_no_room():
    assert texts([CureText(Urgency.NOW, "Stop it.", ("postfix stop",))], commands=False) == ["Now:    Stop it."]


def test_a_command_is_never_broken():
    command = "postconf -e " + "x" * 100
    assert f"          {command}" in texts([CureText(Urgency.MEND, "Mend.", (command,))], width=60)


def test_proving_stands_between_clearing_and_telling():
    cures = [CureText(Urgency.TELL, "answer them"), CureText(Urgency.CLEAR, "clear it")]
    lines = [line.text for line in cure_lines(cures, Voice(), 80, commands=True, again="fumidai test m.a.com")]
    assert lines == ["Then:   clear it", "Prove:  fumidai test m.a.com", "Tell:   answer them"]


def test_braces_of_a_configuration_are_no_fields():
    assert texts([CureText(Urgency.MEND, "take ${local_part} out")]) == ["Mend:   take ${local_part} out"]


def test_japanese_labels_keep_the_column():
    lines = texts([CureText(Urgency.NOW, "a"), CureText(Urgency.MEND, "b")], language="ja")
    assert [cells(line) for line in lines] == [9, 9]
