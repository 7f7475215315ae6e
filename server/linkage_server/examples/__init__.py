"""Worked examples of indicators: made-up rows, evaluated by the core as any other rows are, and drawn."""
