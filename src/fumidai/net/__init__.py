# SPDX-License-Identifier: Apache-2.0
"""The only room with sockets, resolver and clock; it speaks bytes, never SMTP.

What a peer or the network does comes back as a value (``ConnectFailure``, ``TlsResult``, ``Answer`` of the resolver);
only what this machine refuses us (a port, a right) is an error of ours.
"""
