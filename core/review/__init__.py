"""One artwork on the analyst's desk: the maps of what spoke for its verdict, the rulings on it, its report."""
