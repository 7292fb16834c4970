"""A process that prepares what a bench does not measure, says so, and works when it is asked."""

from __future__ import annotations

import os
import subprocess
import sys

__all__ = ["WaitingProcess"]


class WaitingProcess:
    """A new interpreter. Its program writes the line `ready`, reads a line, works, and writes its answer as a line."""

    def __init__(self, *arguments: str) -> None:
        # An installed package has byte code; that of this tree is written by the first process.
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
        self._child = subprocess.Popen(
            [sys.executable, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        ready = self.answer()
        assert ready == "ready\n", ready

    def begin(self) -> None:
        """Have it work."""
        assert self._child.stdin is not None
        self._child.stdin.write("\n")
        self._child.stdin.flush()

    def answer(self) -> str:
        """Wait for the answer."""
        assert self._child.stdout is not None
        return self._child.stdout.readline()

    def ask(self) -> str:
        """Have it work, and wait for the answer."""
        self.begin()
        return self.answer()

    def end(self) -> None:
        """Wait for its end."""
        self._child.communicate()
        assert self._child.returncode == 0
