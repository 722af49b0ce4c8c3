"""Pieces used by the pages."""
