# SPDX-License-Identifier: Apache-2.0
"""What all tests share: how hypothesis searches, and that CI never skips the lab in silence.

Limits: no fixture of a room lives here; each room's tests have their own.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Generator

import hypothesis
import pytest

# No deadline: the machine may be busy. CI always tries the same examples, so that a red run can be repeated.
hypothesis.settings.register_profile("dev", deadline=None, print_blob=True)
hypothesis.settings.register_profile("ci", parent=hypothesis.settings.get_profile("dev"), derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") == "true" else "dev")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Under CI a lab test that skips itself has failed: a green CI has run against the real mail servers."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and item.get_closest_marker("lab") and _in_ci():
        report.outcome = "failed"
        report.longrepr = f"skipped under CI: {report.longrepr}"
    return report


def _in_ci() -> bool:
    return os.environ.get("CI") == "true"


@pytest.fixture(autouse=True)
def _own_state(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test reads or writes the state, settings or language of the person who runs it."""
    for name in [name for name in os.environ if name.startswith("FUMIDAI_")]:
        monkeypatch.delenv(name)
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    # A guard that is started by root wants to be told whom to become.
    monkeypatch.setenv("FUMIDAI_USER", pwd.getpwuid(os.geteuid()).pw_name)
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.getbasetemp() / "state"))
