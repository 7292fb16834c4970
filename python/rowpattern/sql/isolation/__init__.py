"""Queries in worker processes, for SQL from strangers: `match_recognize(..., isolation="process")`.

The system keeps the limits: a worker cannot take more memory than its query may, and is ended when time is over,
whatever it does. Tables stay with their owner; a worker asks for the columns that its query reads, and they cross in
shared memory. Workers are made without a fork of this process, are kept, and end with it.
"""

from rowpattern.sql.isolation.pool import start_workers, worker_processes
from rowpattern.sql.isolation.query import answer_isolated, explain_isolated

__all__ = ["answer_isolated", "explain_isolated", "start_workers", "worker_processes"]
