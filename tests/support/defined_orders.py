"""Orders whose population registers define, on the made-up registers."""

from __future__ import annotations

INFARCTIONS = """
title = "Everybody with an infarction"
purpose = "quality assurance"
registers = ["lmed", "par_sv", "dors"]
formats = ["parquet", "csv", "json-stat", "html"]
by = [["hospital"], ["sex", "age:<65,65-79,80+"], ["index:year"]]

[[indicators]]
set = "swedeheart-secondary-prevention"
version = "1.0.0"
only = ["statin_initiation"]

[population.codes.infarction]
icd10_include = ["I21"]

[population.defined]
period = { from = 2023-01-01, until = 2026-01-01 }

[[population.defined.all]]
kind = "diagnosis"
codes = "infarction"
columns = ["main_diagnosis"]
new_after_days = 365
age = { from = 18 }

[population.defined.strata]
hospital = { register = "par_sv", column = "hospital" }

[[population.exclude]]
id = "dead_within_a_week"
kind = "death"
window = { from = 0, to = 7 }

[contact]
name = "Test"
email = "test@example.org"

[legal_basis]
text = "Made-up persons."
"""
"""Some hundred persons, their strata from the patient register, an exclusion from the cause-of-death register."""
