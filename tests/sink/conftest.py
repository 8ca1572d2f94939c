# SPDX-License-Identifier: Apache-2.0
"""Every asynchronous test of this room runs on plain asyncio and, where it is installed, on uvloop."""

from tests.net.conftest import pytest_asyncio_loop_factories

__all__ = ["pytest_asyncio_loop_factories"]
