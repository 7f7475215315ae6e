"""Made-up registers and the tour through the whole journey."""
