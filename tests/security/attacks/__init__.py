"""Attacks on what leaves, each by its name and source; `python -m benchmarks leaks` tells how often each succeeds."""
