"""gunicorn's settings for the service: one process, several threads.

Matching releases the interpreter's lock, so threads use the cores; and one process has one cache, which `/metrics`
shows whole. With more workers each has a cache of its own: see several_workers.conf.py.
"""

bind = "0.0.0.0:8000"
workers = 1
threads = 4
# The service is imported before the fork, so that patterns are loaded once.
preload_app = True
accesslog = None
# Nothing is written outside /tmp: the root file system may be read-only.
worker_tmp_dir = "/tmp"
control_socket_disable = True
