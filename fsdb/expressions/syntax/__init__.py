"""What an expression may hold, by sqlglot's classes, each a function from its node to the typed tree. PostgreSQL's own rules for the types."""
