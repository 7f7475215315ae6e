"""Populations that registers decide about: who belongs to one, when her index day is, and who is left out."""
