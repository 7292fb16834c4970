"""The tests themselves: interrupts reach them whatever their parent does with interrupts."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path


def test_a_parent_that_ignores_interrupts() -> None:
    """`nohup make test &` starts everything with SIGINT ignored, which children inherit."""
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    test = Path(__file__).with_name("test_conditions.py")
    command = f"trap '' INT; exec {sys.executable} -m pytest -q -p no:cacheprovider {test}::test_interrupting"
    result = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
