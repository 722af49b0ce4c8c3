"""The corpus: which images a model is fitted and measured on, where they come from, and whether they leak."""
