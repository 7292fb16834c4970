"""Metrics for Amazon CloudWatch: the documented name of `rowpattern.observe.metrics.cloudwatch`."""

from rowpattern.observe.metrics.cloudwatch import CloudWatchPublisher

__all__ = ["CloudWatchPublisher"]
