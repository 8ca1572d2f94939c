# SPDX-License-Identifier: Apache-2.0
"""The sink: takes messages that carry a token of ours, keeps them, and does nothing else with them.

It never relays and never sends; what has no token is refused at the dot.
"""
