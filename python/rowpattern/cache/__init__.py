"""The pattern cache: its functions, its watcher, and what they need."""
