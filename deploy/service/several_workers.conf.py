"""gunicorn's settings where several processes are wanted: `/metrics` has the figures of all of them.

Each worker has a cache of its own, and limits are for each: divide the memory.
"""

import os

from rowpattern.metrics import workers as all_workers

bind = "0.0.0.0:8000"
workers = 2
preload_app = True
accesslog = None
worker_tmp_dir = "/tmp"
control_socket_disable = True

# Of this server alone.
FOLDER = os.environ.get("WORKERS_FOLDER", "/tmp/rowpattern-workers")


def on_starting(server):
    """Forget workers of an earlier server that was killed."""
    all_workers.clean(FOLDER)


def post_fork(server, worker):
    """Join the others."""
    all_workers.join(FOLDER)


def child_exit(server, worker):
    """Forget a worker that has ended; called in the parent."""
    all_workers.leave(FOLDER, worker.pid)
