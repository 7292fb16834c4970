"""Continuous matching: rows arrive in batches, and matches leave as soon as they are certain."""
