"""What a query runs within: limits, threads, forks, and the end of the interpreter."""
