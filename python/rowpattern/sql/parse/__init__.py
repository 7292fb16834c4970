"""Query text to clauses: tokens, the MATCH_RECOGNIZE clause, and what stands around it."""
