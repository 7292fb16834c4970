"""gunicorn's settings for the service: one process, several threads.

Matching releases the interpreter's lock, so threads use the cores; and one process has one cache, which `/metrics`
shows whole. With more workers each has a cache of its own: see "Several workers" in docs/deployment.md.
"""

bind = "0.0.0.0:8000"
workers = 1
threads = 4
# The service is imported before the fork, so that patterns are loaded once.
preload_app = True
accesslog = None
