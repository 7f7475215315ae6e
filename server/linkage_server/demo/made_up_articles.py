"""Articles that the made-up pharmacies sell: codes, strengths and package sizes that occur, at made-up prices."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Article:
    """One package.

    Args:
        atc: WHO ATC code or article group of TLV.
        substance: its name.
        strength: number and unit in one text.
        units: tablets (or other units) in a package.
        ddd_hundredths: DDD of a package in hundredths; -1 where no DDD is set.
        days: days a package lasts as it is usually taken.
        price_ore: of a package.
    """

    atc: str
    substance: str
    strength: str
    units: int
    ddd_hundredths: int
    days: int
    price_ore: int


# Treatment after an infarction. Order matters: SECONDARY_PREVENTION refers to it.
PREVENTION_ARTICLES = (
    Article("C10AA05", "atorvastatin", "80 mg", 100, 40_000, 100, 18_450),
    Article("C10AA05", "atorvastatin", "40 mg", 100, 20_000, 100, 12_900),
    Article("C10AA07", "rosuvastatin", "20 mg", 100, 20_000, 100, 16_200),
    Article("B01AC24", "tikagrelor", "90 mg", 168, 8_400, 84, 121_300),
    Article("B01AC04", "klopidogrel", "75 mg", 84, 8_400, 84, 9_870),
    Article("B01AC06", "acetylsalicylsyra", "75 mg", 100, 10_000, 100, 6_540),
    Article("C07AB02", "metoprolol", "50 mg", 98, 3_267, 98, 8_990),
    Article("C09AA05", "ramipril", "5 mg", 98, 19_600, 98, 9_250),
    Article("C09CA06", "kandesartan", "16 mg", 98, 19_600, 98, 11_780),
    Article("C10AX09", "ezetimib", "10 mg", 98, 9_800, 98, 14_020),
    Article("A02BC01", "omeprazol", "20 mg", 100, 10_000, 100, 8_310),
)

# What everybody buys, the most frequent first: the made-up sales follow a Zipf law over this order.
GENERAL_ARTICLES = (
    Article("N02BE01", "paracetamol", "500 mg", 100, 1_667, 25, 7_400),
    Article("C07AB02", "metoprolol", "50 mg", 98, 3_267, 98, 8_990),
    Article("C10AA05", "atorvastatin", "20 mg", 100, 10_000, 100, 9_450),
    Article("B01AC06", "acetylsalicylsyra", "75 mg", 100, 10_000, 100, 6_540),
    Article("A02BC01", "omeprazol", "20 mg", 100, 10_000, 100, 8_310),
    Article("H03AA01", "levotyroxinnatrium", "100 mikrog", 100, 6_667, 100, 7_920),
    Article("C08CA01", "amlodipin", "5 mg", 100, 10_000, 100, 7_150),
    Article("C09AA02", "enalapril", "10 mg", 100, 10_000, 100, 7_040),
    Article("N06AB04", "citalopram", "20 mg", 100, 10_000, 100, 8_470),
    Article("N06AB06", "sertralin", "50 mg", 100, 10_000, 100, 8_650),
    Article("A10BA02", "metformin", "500 mg", 100, 2_500, 50, 7_910),
    Article("N05CF02", "zolpidem", "10 mg", 30, 3_000, 30, 6_320),
    Article("R03AC02", "salbutamol", "0,1 mg/dos", 200, 2_500, 60, 9_940),
    Article("R06AX27", "desloratadin", "5 mg", 100, 10_000, 100, 11_500),
    Article("B03BA03", "hydroxokobalamin", "1 mg/ml", 10, 50_000, 180, 15_200),
    Article("A12AX", "kalcium och vitamin D", "500 mg/800 IE", 180, -1, 90, 13_430),
    Article("G03AA07", "levonorgestrel och etinylestradiol", "150/30 mikrog", 63, 6_300, 84, 10_230),
    Article("M01AE01", "ibuprofen", "400 mg", 100, 3_333, 30, 9_050),
    Article("J01CE02", "fenoximetylpenicillin", "1 g", 30, 1_500, 10, 9_870),
    Article("C03CA01", "furosemid", "40 mg", 100, 10_000, 100, 8_120),
    Article("N02AA05", "oxikodon", "5 mg", 28, 187, 14, 8_890),
    Article("A06AD65", "makrogol", "", 100, -1, 60, 18_770),
    Article("N06AX11", "mirtazapin", "15 mg", 100, 5_000, 100, 11_300),
    Article("N03AX16", "pregabalin", "75 mg", 56, 1_400, 28, 12_040),
    Article("R01AD09", "mometason", "50 mikrog/dos", 140, 7_000, 70, 9_760),
    Article("C10AA01", "simvastatin", "20 mg", 100, 6_667, 100, 7_560),
    Article("Y75AA", "livsmedel för särskilda näringsändamål", "", 24, -1, 30, 64_300),
    Article("YN11", "teststickor", "", 50, -1, 50, 22_800),
    Article("B01AF02", "apixaban", "5 mg", 168, 8_400, 84, 178_400),
    Article("A10BK03", "empagliflozin", "10 mg", 90, 5_143, 90, 131_000),
    Article("L04AX03", "metotrexat", "2,5 mg", 100, 10_000, 100, 17_900),
    Article("N05BA04", "oxazepam", "10 mg", 25, 500, 25, 6_110),
    Article("J01MA02", "ciprofloxacin", "500 mg", 20, 1_000, 10, 10_430),
    Article("D07AC01", "betametason", "0,1 %", 100, -1, 60, 11_270),
    Article("N06BA04", "metylfenidat", "36 mg", 30, 3_600, 30, 41_700),
    Article("X", "", "", 1, -1, 30, 9_900),
    Article("-", "", "", 1, -1, 30, 12_300),
)

ARTICLES = PREVENTION_ARTICLES + GENERAL_ARTICLES


@dataclass(frozen=True, slots=True)
class Prevention:
    """How one group of drugs is used after an infarction.

    Args:
        articles: positions in ARTICLES, and the share of each.
        share: of persons who ever start, at an average hospital.
        hospital_spread: standard deviation of the hospitals' differences, on the log-odds scale.
        stop_a_year: hazard of stopping.
        planned_days: treatment that is meant to end; 0 for lifelong.
        used_before: share of those who start that used it before the infarction already.
    """

    articles: tuple[tuple[int, float], ...]
    share: float
    hospital_spread: float
    stop_a_year: float
    planned_days: int
    used_before: float


SECONDARY_PREVENTION = {
    "statin": Prevention(((0, 0.55), (1, 0.27), (2, 0.18)), 0.94, 0.35, 0.10, 0, 0.25),
    "P2Y12 inhibitor": Prevention(((3, 0.68), (4, 0.32)), 0.90, 0.30, 0.22, 365, 0.04),
    "ASA": Prevention(((5, 1.0),), 0.94, 0.25, 0.08, 0, 0.22),
    "beta blocker": Prevention(((6, 1.0),), 0.84, 0.40, 0.15, 0, 0.24),
    "RAS inhibitor": Prevention(((7, 0.62), (8, 0.38)), 0.82, 0.50, 0.12, 0, 0.30),
    "ezetimibe": Prevention(((9, 1.0),), 0.22, 0.60, 0.10, 0, 0.04),
    "proton pump inhibitor": Prevention(((10, 1.0),), 0.42, 0.40, 0.45, 0, 0.15),
}
