"""MATCH_RECOGNIZE over Dask frames of pandas (extra `dask`)."""

from rowpattern.distributed.dask import match_recognize, recognize

__all__ = ["match_recognize", "recognize"]
