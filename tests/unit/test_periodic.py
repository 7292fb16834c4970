"""Work that a thread repeats."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from rowpattern.periodic import Periodic

if TYPE_CHECKING:
    import pytest


def test_what_fails_is_logged_and_comes_again(caplog: pytest.LogCaptureFixture) -> None:
    asked = threading.Semaphore(0)

    def fail() -> None:
        asked.release()
        raise ValueError("no such row")

    periodic = Periodic("worker-of-a-test", fail, lambda: 0.001)
    with caplog.at_level(logging.ERROR, logger="rowpattern"):
        periodic.start()
        for _ in range(3):
            assert asked.acquire(timeout=30)
        periodic.stop()
    assert "worker-of-a-test failed and goes on: ValueError: no such row" in caplog.messages
