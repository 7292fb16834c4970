"""MATCH_RECOGNIZE over Apache Spark (extra `spark`)."""

from rowpattern.distributed.spark import match_recognize, recognize

__all__ = ["match_recognize", "recognize"]
