"""A point of a parameter grid in Swedish: "within_days=90" reads "inom 90 dagar"."""

from __future__ import annotations

POINTS = {
    "within_days": "inom {} dagar",
    "days": "dag {}",
    "observe_days": "under {} dagar",
    "at_day": "dag {}",
    "at_least": "minst {}",
    "dispensed_within_days": "uthämtat inom {} dagar",
    "burden_at_least": "{} poäng eller mer",
    "drugs": "med {} läkemedel eller fler",
    "pair": "par: {}",
    "class": "par av klass {}",
    "together_days": "båda tillgängliga i {} dagar eller mer",
    "covered_days": "täckta dagar: {} eller fler",
    "substance": "av {}",
    "line": "linje {}",
    "day_of_treatment": "dag {} efter det första uttaget",
    "restarted_within_days": "uthämtat igen inom {} dagar",
    "gap_days": "uppehåll på högst {} dagar tillåts",
    "supply": "uttagens längd: {}",
    "reversals": "återtagna uttag: {}",
    "carry_over": "överskott förs vidare: {}",
    "gap_percent": "uppehåll på högst {} % av uttagets längd tillåts",
}
MEASURES = {
    "episodes": "antal episoder",
    "first_days": "dagar i den första episoden",
    "in_first": "kvar i den första episoden",
    "discontinued": "avslutade behandlingen under uppföljningen",
    "initiated": "började behandlingen",
    "died": "avled dessförinnan",
    "mean_drugs": "medelantal läkemedel",
    "share_of_days": "andel av dagarna",
    "lines": "antal linjer",
    "reached": "personer som når den",
    "days_to": "dagar tills den börjar",
    "any": "av någon substans",
    "assumed_dose": "med antagen dos",
    "increase": "höjd dos",
    "decrease": "sänkt dos",
}
_DENOMINATORS = {"all": "av alla personer", "alive_at_N": "av dem som lever vid slutet"}


def point_in_swedish(parameters: str) -> str:
    """Words for a parameter point; what has none stands as the table names it."""
    # CMA1 to CMA4 compare supply with time, so a share of days they are not.
    share = "%" if "measure=cma" in parameters else "% av dagarna"
    return ", ".join(_part(part, share=share) for part in parameters.split(";") if part)


def _part(part: str, *, share: str) -> str:
    name, _, value = part.partition("=")
    if name == "at_least" and (value.startswith("0.") or share == "%"):
        return f"minst {100 * float(value):.4g} {share}".replace(".", ",")
    if name == "days" and value.endswith(".."):
        return f"från dag {value.removesuffix('..')}"
    if name == "measure":
        return MEASURES.get(value) or (value.upper() if value.startswith("cma") else value.replace("_", " "))
    if name == "denominator" and value in _DENOMINATORS:
        return _DENOMINATORS[value]
    if name in POINTS:
        return POINTS[name].format(value.replace("..", " till "))
    return part
