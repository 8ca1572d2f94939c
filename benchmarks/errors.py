# SPDX-License-Identifier: Apache-2.0
"""What can keep a benchmark from being taken.

BenchError      it can't be measured here, or what was measured is not what was meant; the text says what to do
"""

from __future__ import annotations


class BenchError(Exception):
    """A benchmark can't be taken."""
