"""Detectors: from artworks to calibrated probabilities."""
