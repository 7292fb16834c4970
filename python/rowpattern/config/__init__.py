"""Settings: one value, their sections, where they come from, and those of the process."""
