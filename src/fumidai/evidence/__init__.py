# SPDX-License-Identifier: Apache-2.0
"""What was seen: transcripts, tokens, outcomes, proofs, verdicts and findings, as plain frozen values.

This room only holds the words (DESIGN §3) and their shapes; it judges nothing and touches nothing.
"""
