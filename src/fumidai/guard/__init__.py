# SPDX-License-Identifier: Apache-2.0
"""The guard: an SMTP server in front of one that must stay, which lets nothing through that the policy forbids.

It never queues and never bounces: what a client is told after its data is only ever a copy of the backend's word.
"""
