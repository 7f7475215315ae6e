"""The words: what both sides share, in plain Python."""
