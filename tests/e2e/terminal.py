# SPDX-License-Identifier: Apache-2.0
"""A program on a terminal of its own: keys in, screens out."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

# What moves the cursor becomes a blank, what sets colours nothing.
MOVES = re.compile(r"\x1b\[[0-9;?]*[A-HJKSTXdfhlrG]|\x1b[()][A-Z0-9]|\x1b[=>78M]|[\r\n\t\b]+")
STYLES = re.compile(r"\x1b\[[0-9;]*m|\x0f|\x0e")


class Terminal:
    def __init__(self, command, columns=132, rows=40, **environment):
        self.seen = ""  # everything since the last clear()
        self.raw = b""
        self.master, slave = pty.openpty()
        self.resize(columns, rows)
        self.process = subprocess.Popen([str(part) for part in command], stdin=slave, stdout=slave, stderr=slave,
                                        start_new_session=True, env={**os.environ, "TERM": "xterm-256color",
                                                                     **environment})
        os.close(slave)

    def resize(self, columns, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        if hasattr(self, "process"):
            self.process.send_signal(signal.SIGWINCH)

    def press(self, keys):
        os.write(self.master, keys.encode())

    def read(self, seconds):
        """Takes what comes within that time; False at the end."""
        if not select.select([self.master], [], [], seconds)[0]:
            return True
        try:
            self.raw += os.read(self.master, 65536)
        except OSError:
            return False
        self.seen = MOVES.sub(" ", STYLES.sub("", self.raw.decode(errors="replace")))
        return True

    def clear(self):
        self.seen, self.raw = "", b""

    def wait(self, text, seconds=15):
        """Until something like it has been shown since the last clear()."""
        until = time.monotonic() + seconds
        while not re.search(text, self.seen):
            assert time.monotonic() < until, f"{text!r} was not shown: {self.seen}"
            if not self.read(0.2):
                assert re.search(text, self.seen), f"it ended without showing {text!r}: {self.seen}"

    def end(self, seconds=10):
        """Its exit status."""
        until = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < until:
            self.read(0.1)
        return self.process.wait(1)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
