"""What an operator sees of the cache: health, HTTP pages and metrics."""
