"""The arithmetic: Arrow in, Arrow out; no files, no network, no clock."""
