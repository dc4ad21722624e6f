"""Hostile files, the scripts that make them, and the scripts that make more at random."""
