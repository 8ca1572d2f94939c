# SPDX-License-Identifier: Apache-2.0
"""JSON keeps to its published schema, is whole, and is safe to print."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from fumidai.evidence.outcome import Answer, Outcome, Reason, Stage, Word
from fumidai.evidence.proof import ProofKind, Where
from fumidai.evidence.verdict import Verdict, VerdictReason
from fumidai.report.json import published_schema, render_json, render_jsonl
from tests.report.golden import CASES
from tests.report.results import entry, open_run, row, run

SCHEMA = published_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", CASES)
def test_every_document_is_valid(name):
    VALIDATOR.validate(json.loads(render_json(CASES[name]())))


def test_a_broken_document_is_not():
    document = json.loads(render_json(open_run()))
    document["targets"][0]["tests"][0]["outcome"] = "perhaps"
    assert not VALIDATOR.is_valid(document)


def _undescribed(value: Any, schema: dict[str, Any], path: str) -> Iterator[str]:
    """Keys of a document that its schema does not name."""
    while "$ref" in schema:
        schema = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]]
    for option in schema.get("anyOf", ()):
        if VALIDATOR.evolve(schema={**option, "$defs": SCHEMA["$defs"]}).is_valid(value):
            yield from _undescribed(value, option, path)
    if isinstance(value, dict):
        for key, each in value.items():
            known = schema.get("properties", {}).get(key, schema.get("additionalProperties"))
            if known is None and "anyOf" not in schema:
                yield f"{path}.{key}"
            elif known is not None:
                yield from _undescribed(each, known, f"{path}.{key}")
    elif isinstance(value, list):
        for each in value:
            yield from _undescribed(each, schema["items"], f"{path}[]")


def test_every_key_is_published():
    decoy = Outcome(9, Word.REFUSED, Stage.RCPT, 550, b"550 no\r\n", Reason.USER, 1)
    earlier = (Answer(Stage.RCPT, 451, b"451 later\r\n", 1, pipelined=True),)
    asked_twice = Outcome(1, Word.ACCEPTED, Stage.RCPT, 250, b"250 ok\r\n", earlier=earlier)
    rich = entry(
        Verdict.OPEN, VerdictReason.DELIVERED, (row(1, "a", Word.DELIVERED, decoy=decoy, outcome=asked_twice),)
    )
    document = json.loads(render_json(run(rich, waited=1)))
    assert list(_undescribed(document, SCHEMA, "$")) == []
    assert document["targets"][0]["tests"][0]["earlier"][0]["code"] == 451


def test_enums_of_the_schema_are_those_of_the_code():
    definitions = SCHEMA["$defs"]
    test = definitions["test"]["properties"]
    assert set(definitions["verdict"]["enum"]) == {each.value for each in Verdict}
    assert set(test["outcome"]["enum"]) == {each.value for each in Word}
    assert set(test["stage"]["enum"]) == {each.value for each in Stage}
    assert set(definitions["proof"]["properties"]["kind"]["enum"]) == {each.value for each in ProofKind}
    assert set(definitions["proof"]["properties"]["where"]["enum"]) == {each.value for each in Where}


def test_the_contract_of_the_design():
    """The keys that DESIGN §6 promises."""
    document = json.loads(render_json(open_run()))
    assert document["schema"] == "fumidai/test/1"
    assert set(document["run"]) >= {"id", "started", "seconds", "battery", "vantage", "proof_domain"}
    assert document["verdict"] == "open"
    assert document["verdicts"] == {"mail.a.com": "open"}
    target = document["targets"][0]
    assert (target["target"], target["address"], target["port"], target["tls"]) == (
        "mail.a.com",
        "192.0.2.25",
        25,
        "clear",
    )
    assert target["counts"]["delivered"] == 2
    test = target["tests"][0]
    assert (test["id"], test["class"], test["outcome"], test["stage"], test["code"]) == (
        "pct-1",
        "F",
        "delivered",
        "message",
        250,
    )
    assert test["reply"] == ["250 2.1.5 Ok"]
    assert test["proofs"][0]["kind"] == "delivery"
    assert target["findings"][0]["text"].startswith("192.0.2.25:25 relays for strangers")


def test_the_transcript_is_whole_and_escaped():
    transcript = json.loads(render_json(open_run()))["targets"][0]["transcript"]
    assert [line["direction"] for line in transcript] == ["<", ">", "<", "<", ">", "<"]
    assert transcript[0]["text"] == "220 mail.a.com ESMTP \\x1b]0;owned\\x07 Sendmail 8.8.8"
    assert transcript[0]["session"] == 1
    assert transcript[3] == {"session": 1, "seconds": 0.204, "direction": "<", "text": "250 PIPELINING"}


def test_it_is_ascii_and_holds_no_control_character():
    text = render_json(CASES["several"]())
    assert text.isascii()
    assert all(character.isprintable() or character == "\n" for character in text)


def test_jsonl_has_a_valid_document_a_line():
    lines = render_jsonl(CASES["several"]()).splitlines()
    documents = [json.loads(line) for line in lines]
    assert [document["verdict"] for document in documents] == ["closed", "open"]
    for document in documents:
        VALIDATOR.validate(document)
        assert list(document["verdicts"]) == [document["targets"][0]["target"]]


def test_raw_bytes_of_a_row_read_as_utf8():
    accented = row(1, "unicode", Word.REFUSED, rcpt_to="<é@a.com>".encode().decode("latin-1"))
    document = json.loads(render_json(run(entry(Verdict.CLOSED, VerdictReason.ALL_REFUSED, (accented,)))))
    assert document["targets"][0]["tests"][0]["rcpt_to"] == "<é@a.com>"


def test_the_exit_code_is_the_one_given():
    assert json.loads(render_json(open_run()))["run"]["exit_code"] == 2
    assert json.loads(render_json(open_run(), code=0))["run"]["exit_code"] == 0
