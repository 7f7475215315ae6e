"""Counts and sums changed instead of hidden: noise by cell key, rounding; see docs/decisions/perturbation.md."""
