# SPDX-License-Identifier: Apache-2.0
"""Real mail servers side by side on one machine, each open or sound in its own way, and a stranger to test them from.

Each server runs in its own network namespace with its own root (an overlay over this machine's), so that Debian
packages which conflict can live together and nothing of the machine changes. The stranger, a DNS server, a router and
the victim of forged senders have namespaces of their own. Nothing is connected to the machine's own network.

Limits: needs root, overlayfs, network namespaces and Debian's apt; the first run downloads the packages.
"""
