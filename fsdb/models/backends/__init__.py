"""Back ends: each computes model programs somewhere."""
