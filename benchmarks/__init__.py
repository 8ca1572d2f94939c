# SPDX-License-Identifier: Apache-2.0
"""How fast Fumidai is, as ratios to a peer in the same run on the same machine: `python3 dev.py bench`.

    relay     16 relay tests on one server: against `nmap --script smtp-open-relay`, at 0 and 100 ms round trip
    full      the whole battery on a default Postfix 100 ms away, with the replies that a server held back counted
    guard     messages through the guard: against Haraka and Postfix in front of the same smtp-sink
    start     `--version` and `--help` against `python3 -c pass`

The servers are the lab's (its own instance of it), the way to them is lab.delay's proxy, on which round trips are
counted for us and for the peer alike. Nothing here is imported by the package.

Limits: one machine, one kernel's TCP on loopback-like links; the proxy adds time but no loss and no slow start.
"""
