"""For services: queries that are awaited, and planned before there is traffic."""
