"""What happens to the cache, as records of standard `logging` under `rowpattern`.

No handler is installed. Each record carries `event` and its figures as attributes (logging's `extra`), so that a
structured formatter can write them as fields.
"""

from __future__ import annotations

import logging

__all__ = ["log_event"]

# A library stays silent where the application has not said what to log.
logging.getLogger("rowpattern").addHandler(logging.NullHandler())


def log_event(name: str, level: int, event: str, message: str, **fields: object) -> None:
    """Log one event.

    Args:
        name: the logger's name below `rowpattern`, as `"cache"`.
        level: logging's level.
        event: one word, the record's attribute `event`.
        message: the text; figures stand in it by `%(name)s`, out of `fields`.
        fields: figures; attributes of the record too.
    """
    logger = logging.getLogger(f"rowpattern.{name}")
    if logger.isEnabledFor(level):
        logger.log(level, message, *([fields] if fields else []), extra={"event": event, **fields}, stacklevel=2)
