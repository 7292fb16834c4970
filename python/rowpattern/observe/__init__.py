"""What an operator sees: log records, health, HTTP pages and metrics."""
