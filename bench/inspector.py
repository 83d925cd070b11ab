# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
"""How fast the inspector answers, measured from outside: the program runs in a
pseudo-terminal, keys are sent, and the clock stops at the last byte of what it draws."""
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time

QUIET = 0.04            # seconds without a byte: the frame is complete


class Inspector:
    def __init__(self, argv, columns=120, lines=40):
        """Starts the program; first_frame is how long its first whole screen took."""
        self.started = time.monotonic()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM='xterm-256color', LC_ALL='C.UTF-8')
            size = struct.pack('HHHH', lines, columns, 0, 0)
            fcntl.ioctl(0, termios.TIOCSWINSZ, size)
            os.execv(argv[0], argv)
        self.seen = b''
        self.first_frame = self.until(b'READ-ONLY') - self.started

    def read(self, timeout):
        """One piece of output and when it came; (None, _) when there was none."""
        ready, _, _ = select.select([self.fd], [], [], timeout)
        if not ready:
            return None, 0
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            raise SystemExit('bench: the inspector has ended') from None
        self.seen = (self.seen + data)[-65536:]
        return data, time.monotonic()

    def until(self, text, limit=60):
        """Waits until this text has been drawn; when that was."""
        end = time.monotonic() + limit
        while text not in self.seen:
            _, at = self.read(end - time.monotonic())
            if time.monotonic() > end:
                raise SystemExit('bench: the inspector never shows %r' % text)
        return at

    def quiet(self, limit=120):
        """Waits until nothing more is drawn, as when a scan has ended."""
        end = time.monotonic() + limit
        while time.monotonic() < end and self.read(10 * QUIET)[0]:
            pass

    def press(self, keys, first=5, quiet=QUIET):
        """Seconds from sending keys to the last byte of the frame that answers, or of the
        last frame when `quiet` is long; None when nothing is drawn for `first` seconds."""
        sent = last = time.monotonic()
        os.write(self.fd, keys)
        data, at = self.read(first)
        if data is None:
            return None
        while data is not None:
            last = at
            data, at = self.read(quiet)
        return last - sent

    def end(self):
        os.write(self.fd, b'q')
        try:
            while self.read(2)[0]:
                pass
        except SystemExit:
            pass
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)
