"""Each test begins with the process's cache as it is in a new process: empty, default limits, nobody watching."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from rowpattern import pattern_cache
from rowpattern.cache_monitor import stop_cache_monitoring
from rowpattern.production_config import MatchRecognizeConfig, reset_config, set_config

# A parent may have had this signal ignored (`nohup make test &`): tests raise it, and their children inherit it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Spark's workers run this Python, not the first one that a shell would find.
os.environ.setdefault("PYSPARK_PYTHON", sys.executable)


@pytest.fixture(autouse=True)
def _new_process_cache() -> None:
    stop_cache_monitoring()
    # A test may have put its own settings, or a monitor its own limits, in place of these.
    set_config(MatchRecognizeConfig())
    reset_config()
    pattern_cache.clear_pattern_cache()
