"""National-scale benchmark: one register in every side's best form, the same questions to all, in turn."""
