"""Tables of the kinds that callers have, read and given back."""
