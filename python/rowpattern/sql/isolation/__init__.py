"""Queries of strangers in worker processes: `match_recognize(..., isolation="process")`."""

from rowpattern.sql.isolation.pool import answer_isolated, explain_isolated, start_workers, worker_processes

__all__ = ["answer_isolated", "explain_isolated", "start_workers", "worker_processes"]
