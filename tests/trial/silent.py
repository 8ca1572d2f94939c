# SPDX-License-Identifier: Apache-2.0
"""A listener that hears everything and says nothing."""

from __future__ import annotations

from fumidai.trial.listener import Listeners


def silent() -> Listeners:
    """No listener at all."""
    return Listeners(())
