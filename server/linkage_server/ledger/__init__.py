"""The release ledger: who was counted in which released table and what it said, so that the next is laid beside it."""
