# SPDX-License-Identifier: Apache-2.0
"""What builds, checks and locks this checkout. `dev.py` is the way in; nothing here is part of the package."""
