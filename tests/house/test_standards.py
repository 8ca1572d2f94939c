# SPDX-License-Identifier: Apache-2.0
"""`docs/standards.md` and the source say the same about every standard."""

from __future__ import annotations

from pathlib import Path

from tools import standards


def test_table_and_source_agree() -> None:
    table = standards.listed(standards.TABLE.read_text(encoding="utf-8"))
    wrong = standards.faults(standards.cited(), table)
    assert not wrong, "\n".join(wrong)


def test_every_row_of_the_table_is_read() -> None:
    lines = standards.TABLE.read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| ") and line[2:3].isdigit()]
    assert len(standards.listed("\n".join(rows))) == len(rows)
    assert [int(line.split()[1]) for line in rows] == sorted(int(line.split()[1]) for line in rows)


def test_citations_are_found_with_their_rooms(tmp_path: Path) -> None:
    (tmp_path / "smtp").mkdir()
    (tmp_path / "smtp" / "reply.py").write_text("# RFC 5321 §4.2\n# see RFC-2034\n", encoding="utf-8")
    (tmp_path / "rows.toml").write_text('standard = "RFC 821 3.6"\n', encoding="utf-8")
    (tmp_path / "picture.svg").write_text("RFC 9999", encoding="utf-8")
    assert standards.cited(tmp_path) == {5321: {"smtp"}, 2034: {"smtp"}, 821: {"rows.toml"}}


def test_each_way_of_disagreeing_is_a_fault() -> None:
    table = standards.listed("| 821 | Old | Tested | x |\n| 2033 | LMTP | Later | y |\n| 5321 | SMTP | Perhaps | z |\n")
    assert standards.faults({5321: {"smtp"}, 3207: {"net"}}, table) == [
        "RFC 3207 is cited in net and not listed",
        "RFC 5321 has the unknown status Perhaps",
        "RFC 821 is Tested and cited nowhere",
    ]
