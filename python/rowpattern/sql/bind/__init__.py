"""A clause and the columns of its table, bound: names looked up, navigation taken out of expressions."""
