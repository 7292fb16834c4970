"""MATCH_RECOGNIZE over Apache Spark (extra `spark`)."""

from rowpattern.distributed.spark import match_recognize

__all__ = ["match_recognize"]
