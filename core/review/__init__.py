"""One artwork on the analyst's desk: how its verdict reads, the rulings on it, its report."""
