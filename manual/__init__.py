"""What makes the pages of the documentation that nobody writes by hand: `python -m manual`."""
