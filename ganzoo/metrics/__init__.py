"""Judging: features, distances, neighbours, references."""
