"""Rates of a population: per inhabitant, standardised by age, and as a ratio of observed to expected."""

from linkage_core.rates.age_groups import AgeGroup, age_group, standard_weights
from linkage_core.rates.inhabitants import AGE, Inhabitants, inhabitants_of
from linkage_core.rates.standardised import Rate, directly_standardised, standardised_ratio

__all__ = [
    "AGE",
    "AgeGroup",
    "Inhabitants",
    "Rate",
    "age_group",
    "directly_standardised",
    "inhabitants_of",
    "standard_weights",
    "standardised_ratio",
]
