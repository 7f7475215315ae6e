"""Who did what, when, with what outcome: written in the same transaction as the deed, and never changed."""
