"""Evaluation: how good a detector is, and how sure one can be of that."""
