"""Runs: from an approved order to a protected table."""
