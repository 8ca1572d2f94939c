# SPDX-License-Identifier: Apache-2.0
"""Process 1 of a mail server's room: keeps its log, starts it, and lives as long as the room does.

Runs by itself with the room's own python3: `inside.py HOSTNAME`. Takes what the server says to /dev/log, writes it to
/var/log/lab.log, runs /lab/start.sh once and buries the dead. Killing this process ends the room.

Limits: the log has no rotation and no levels; it is read by whoever debugs a server of the lab.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

LOG = "/var/log/lab.log"


def keep_log(listener: socket.socket) -> None:
    """Write every syslog datagram as one line with the time it came."""
    with open(LOG, "ab", buffering=0) as log:
        while True:
            line = re.sub(rb"^<\d+>(?:\w{3} [ \d]\d [\d:]{8} )?", b"", listener.recv(65536)).rstrip(b"\0\n")
            log.write(time.strftime("%H:%M:%S ").encode() + line + b"\n")


def main(hostname: str) -> None:
    """Set the room's name, start the server, wait for ever."""
    socket.sethostname(hostname)
    with open("/etc/hostname", "w", encoding="ascii") as file:
        file.write(hostname + "\n")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind("/dev/log")
    os.chmod("/dev/log", 0o666)
    threading.Thread(target=keep_log, args=(listener,), daemon=True).start()
    with open(LOG, "ab") as log:
        command = ["/bin/sh", "-eu", "/lab/start.sh"]
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    # Dead children are buried by the kernel: nobody asks how they ended.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        signal.pause()


if __name__ == "__main__":
    main(sys.argv[1])
