"""A bound clause over rows: order, conditions, matches, measures, the answer."""
