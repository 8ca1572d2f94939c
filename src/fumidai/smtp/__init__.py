# SPDX-License-Identifier: Apache-2.0
"""Sans-I/O SMTP: bytes in, events out, for four users (tester, sink, guard, callback).

No socket, no clock, no event loop: whoever holds the connection feeds what arrived and writes what it gets back.
What a peer does wrong is an event with the raw bytes in it, never an exception.

    reply       what a server says, cut out of a stream         command     what a client says, made and read
    extensions  what EHLO announced (RFC 5321 §4.1.1.1)         data        the end of a message and its dots
    client      the side that asks                              server      the side that answers
    address     a path and all the ways in which it may be read
"""
