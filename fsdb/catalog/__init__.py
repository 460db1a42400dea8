"""What is registered in the database: typed tables in schema fsdb, read into plain data and written from it."""
