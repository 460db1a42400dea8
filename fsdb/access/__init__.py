"""Who may do what in the database: roles and their rights, whose code runs as whom, what row security leaves of a read, what was done by whom."""
