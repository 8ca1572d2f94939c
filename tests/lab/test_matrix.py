# SPDX-License-Identifier: Apache-2.0
"""The full battery against every real mail server of the lab, held against what delivery showed.

Law 4 of the design on real servers: what is open is called open with the right tests delivered, and nothing sound is
ever called open.
"""

from __future__ import annotations

import pytest

from lab.servers import all_servers
from lab.truth import FORMS
from lab.verify import compare
from tests.lab.conftest import Bench, run_fumidai

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]

EXIT = {"closed": 0, "accepts": 1, "reflects": 1, "open": 2, "inconclusive": 3, "unreachable": 3}
# Forms of lab.truth that ask what a row of the same name in the catalogue does not.
OTHER = {"unknown-user", "unknown-user-victim"}
NAMES = list(all_servers())


@pytest.mark.parametrize("name", NAMES)
def test_the_truth_is_what_the_server_is_there_for(bench: Bench, name: str) -> None:
    """What really arrives, found without fumidai, is what server.toml says."""
    assert compare(all_servers()[name], bench.truths[name].result()) == []


@pytest.mark.parametrize("name", NAMES)
def test_the_verdict_is_right(bench: Bench, name: str) -> None:
    """Open is called open, sound never is; the exit code says the same."""
    server, run = all_servers()[name], bench.runs[name].result()
    assert run.report["verdict"] in server.verdicts, explain(run.report)
    assert run.exit == EXIT[run.report["verdict"]]
    if server.truth != "open":
        assert "open" not in run.verdicts()
    for address, family in ((server.v4, "4"), (server.v6, "6")):
        assert run.verdicts(address), f"{address} was not tested"
        if server.truth == "open":
            assert ("open" in run.verdicts(address)) == (family in server.families), explain(run.report)


@pytest.mark.parametrize("name", NAMES)
def test_the_right_tests_are_delivered(bench: Bench, name: str) -> None:
    """A test is delivered exactly where the same form's message was, on each address.

    What was put off to the end claims nothing here: the verdict's test has already weighed it.
    """
    server, run = all_servers()[name], bench.runs[name].result()
    for truth in bench.truths[name].result():
        met = run.outcomes(truth.address, ("clear",))
        wrong = [
            f"{form}: {sorted(met[form])}, truth: {truth.met[form]}"
            for form in (form.id for form in FORMS if form.id in met and form.id not in OTHER)
            if met[form] != {"deferred"} and ("delivered" in met[form]) != (form in truth.delivered)
        ]
        assert not wrong, f"{truth.address}: " + "\n".join(wrong)
    for address, family in ((server.v4, "4"), (server.v6, "6")):
        for row in server.proves if family in server.families else ():
            assert "delivered" in run.outcomes(address).get(row, set()), f"{row} at {address}"


@pytest.mark.parametrize("name", ["exim-first-recipient-only"])
def test_a_closed_that_nobody_could_make_sure_of_says_so(bench: Bench, name: str) -> None:
    """The hole needs a mailbox there: without one the server is called closed, with what was left open and the way."""
    bench.runs[name].result()
    pair = bench.pairs.get()
    try:
        server = all_servers()[name]
        run = run_fumidai(bench.place, bench.folder / f"{name}-bare", server, pair[1], mailbox=False)
    finally:
        bench.pairs.put(pair)
    assert run.report["verdict"] == "closed", explain(run.report)
    for entry in run.report["targets"]:
        assert entry["verdict_params"]["untried"] > 0
        assert "To make them: --local-user ADDRESS" in entry["verdict_text"]
        assert "state-local-then-foreign" in {
            row for each in entry["findings"] if each["id"] == "late-refusal-untried" for row in each["evidence"]
        }


def explain(report: dict[str, object]) -> str:
    """Each entry's verdict and reason, for a failing test's message."""
    entries = report["targets"]
    assert isinstance(entries, list)
    return "\n".join(
        f"{e['address']} {e['port']} {e['tls']}: {e['verdict']} ({e['verdict_reason']}) {e['counts']} {e['seconds']}"
        for e in entries
    )
