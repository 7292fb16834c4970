"""Health and metrics over HTTP: the documented name of `rowpattern.observe.endpoints`."""

from rowpattern.observe.endpoints import asgi, wsgi

__all__ = ["asgi", "wsgi"]
