"""Training: declared recipes and the loop that follows them."""
