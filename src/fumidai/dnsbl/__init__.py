# SPDX-License-Identifier: Apache-2.0
"""DNS blocklists as names and answers (RFC 5782): what to ask, what came back, whether the list may be believed.

Pure: ``net.dnsbl`` asks, this room reads. No part of it knows the guard; every command that looks at lists uses it.
"""
