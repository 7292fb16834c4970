"""The text of a query: tokens, places in it, and errors that show them."""
