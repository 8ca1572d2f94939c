# SPDX-License-Identifier: Apache-2.0
"""The one exception of the lab: something the user can read and act upon in one line."""

from __future__ import annotations


class LabError(Exception):
    """The lab can't do what was asked; the message says why and, where known, what to do."""
