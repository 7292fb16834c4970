"""gunicorn's settings where several processes are wanted: each worker's figures on a port of its own.

Prometheus finds them by files (`file_sd_configs: [{files: ["/targets/*.json"]}]`), one a worker, which come and go
with it.
"""

import json
import os
from pathlib import Path

from rowpattern.metrics import prometheus

bind = "0.0.0.0:8000"
workers = 2
preload_app = True

TARGETS = Path(os.environ.get("TARGETS_FOLDER", "/targets"))
HOST = os.environ.get("METRICS_HOST", "127.0.0.1")


def post_fork(server, worker):
    """Serve the new worker's figures on a free port, and say where."""
    http, _ = prometheus.serve(0, "0.0.0.0")
    found = [{"targets": [f"{HOST}:{http.server_port}"], "labels": {"worker": str(os.getpid())}}]
    # Prometheus reads only names that end with .json: it never sees half a file.
    part = TARGETS / f"{os.getpid()}.part"
    part.write_text(json.dumps(found))
    part.replace(TARGETS / f"{os.getpid()}.json")


def child_exit(server, worker):
    """Forget a worker that has ended; called in the parent."""
    (TARGETS / f"{worker.pid}.json").unlink(missing_ok=True)
