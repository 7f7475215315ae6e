"""Words of Swedish dosage texts, with what each means. Multi-word phrases are written with spaces.

A word that stands nowhere here makes a text not understood, so the lists err on the side of what is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from fractions import Fraction
from functools import cache
from itertools import product
from typing import NamedTuple


class Kind(StrEnum):
    """What a piece of a text is."""

    AMOUNT = "amount"  # a number, or a range
    SCHEDULE = "schedule"  # amounts of one day, in order: 1+0+1
    UNIT = "unit"
    BY = "by"  # x
    TIMES = "times"  # ggr
    DAILY = "daily"
    RATE = "rate"  # varannan dag, var 8:e timme, i veckan
    WEEKDAYS = "weekdays"
    OTHER_DAYS = "other_days"
    TIME_OF_DAY = "time_of_day"
    EACH_SIDE = "each_side"  # i vardera ögat
    DURATION = "duration"
    THEN = "then"
    AND = "and"
    ALTERNATELY = "alternately"
    RESPECTIVELY = "respectively"
    MAXIMUM = "maximum"
    AS_NEEDED = "as_needed"
    PURPOSE = "purpose"  # mot, för: what follows says why
    NEUTRAL = "neutral"
    SEPARATOR = "separator"


class Meaning(NamedTuple):
    """A kind, with a name (unit, time of day) and a range of numbers (rate, factor, days)."""

    kind: Kind
    name: str = ""
    low: Fraction = Fraction(1)
    high: Fraction = Fraction(1)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


NUMBERS = {
    **dict.fromkeys(("en", "ett", "et"), 1),
    **{"två": 2, "tvä": 2, "tre": 3, "fyra": 4, "fem": 5, "sex": 6, "sju": 7, "åtta": 8, "nio": 9, "tio": 10},
    **{"elva": 11, "tolv": 12, "fjorton": 14, "femton": 15, "tjugo": 20, "tjugoen": 21, "trettio": 30},
}
FRACTIONS = {
    **dict.fromkeys(("halv", "halva", "halvt", "1/2", "½"), Fraction(1, 2)),
    **dict.fromkeys(("kvarts", "1/4", "¼"), Fraction(1, 4)),
    **dict.fromkeys(("3/4", "¾"), Fraction(3, 4)),
    **dict.fromkeys(("1/3", "⅓"), Fraction(1, 3)),
    **dict.fromkeys(("2/3", "⅔"), Fraction(2, 3)),
}
ORDINALS = {
    **{"annan": 2, "annat": 2, "andra": 2, "tredje": 3, "fjärde": 4, "femte": 5, "sjätte": 6, "sjunde": 7},
    **{"åttonde": 8, "nionde": 9, "tionde": 10, "tolfte": 12, "fjortonde": 14, "tjugofjärde": 24, "sjuttioandra": 72},
}
PERIOD_HOURS = {
    **dict.fromkeys(("timme", "timma", "timmar", "timmars", "tim", "h"), 1),
    **dict.fromkeys(("dag", "dagar", "dygn", "dygnet", "d", "dagen"), 24),
    **dict.fromkeys(("vecka", "veckan", "veckor", "v"), 24 * 7),
}

_UNITS = {
    "tablet": (
        "tablett tabletter tabletten tabletterna tabl tab tabs tbl tablet t piller tablettt depottablett "
        "depottabletter depottabl depottab enterotablett enterotabletter enterotabl tuggtablett tuggtabletter tuggtabl "
        "brustablett brustabletter brustabl sugtablett sugtabletter resoriblett resoribletter "
        "resoritablett resoritabletter sublingualtablett sublingualtabletter dragé dragéer drage drageer "
        "minitablett minitabletter smälttablett smälttabletter"
    ),
    "capsule": (
        "kapsel kapslar kapseln kapslarna kaps kapsl kps depotkapsel depotkapslar depotkaps enterokapsel enterokapslar "
        "enterokaps kapsyl kapsyler"
    ),
    "piece": "st styck stycken stk enhetsdos",
    "sachet": "dospåse dospåsar påse påsar dosp portionspåse portionspåsar pulver brevpulver",
    "dose": (
        "dos doser puff puffar puffer inhalation inhalationer inhal inh spray sprayer sprayning sprayningar "
        "sprayduschar spraydos spraydoser inandning inandningar pust pustar"
    ),
    "patch": "plåster depotplåster plåstret",
    "suppository": "stolpiller stolpillret suppositorium suppositorier supp",
    "pessary": "vagitorium vagitorier vaginaltablett vaginaltabletter vagtablett vagtabl vaginalkapsel",
    "injection": "injektion injektioner spruta sprutor injektionspenna injektionspennor ampull ampuller inj",
    "ml": "ml milliliter",
    "drop": "droppe droppar dropp dr gtt",
    "mg": "mg milligram",
    "microgram": "mikrogram mcg µg ug mikrog",
    "g": "gram",
    "unit": "ie e enhet enheter iu",
    "mmol": "mmol",
}
_VOLUMES = {"tesked": 5, "teskedar": 5, "tsk": 5, "matsked": 15, "matskedar": 15, "msk": 15, "kryddmått": 1, "krm": 1}

STRENGTH_UNITS = frozenset({"mg", "microgram", "g", "unit", "mmol"})
"""Units that tell what a tablet holds when they stand behind one."""

_TIMES_OF_DAY = {
    "morning": "morgon morgonen morgnar morg morgnarna mo morgondos",
    "breakfast": "frukost frukosten frukostar",
    "forenoon": "förmiddag förmiddagen fm",
    "noon": "lunch lunchen lunchtid middagstid mitt\u00a0på\u00a0dagen",
    "midday": "middag middagen middagar",
    "afternoon": "eftermiddag eftermiddagen em",
    "evening": "kväll kvällen kvällar kvällarna kv afton aftonen kvällsdos kvällsmat kvällsmaten",
    "night": (
        "natt natten nätter tn sänggående sänggåendet sänggåendes läggdags läggdax sängdags nattetid insomnandet"
    ),
}
_BEFORE_A_TIME = (
    "",
    "till",
    "t",
    "på",
    "för",
    "vid",
    "varje",
    "om",
    "inför",
    "före",
    "innan",
    "efter",
    "i samband med",
    "per",
)
_ALONE_ONLY = frozenset({"tn"})

_WEEKDAYS = (
    ("måndag", "mån", "må"),
    ("tisdag", "tis", "ti"),
    ("onsdag", "ons"),
    ("torsdag", "tors", "tor"),
    ("fredag", "fre"),
    ("lördag", "lör"),
    ("söndag", "sön"),
)

_PHRASES = {
    Kind.TIMES: "gånger gång ggr ggn gångar gg gångers",
    Kind.BY: "x",
    Kind.THEN: (
        "sedan|därefter|sen|härefter|följt av|och därefter|och sedan|för att sedan|därpå|efter det|derefter|"
        "varefter|däreft"
    ),
    Kind.AND: "och|o|samt|&|plus|ock",
    Kind.ALTERNATELY: "omväxlande|växelvis|alternerande|växlande",
    Kind.RESPECTIVELY: "respektive|resp",
    Kind.MAXIMUM: (
        "högst|max|maximalt|maximum|dock högst|dock max|dock maximalt|som mest|ej mer än|inte mer än|ej över|"
        "maxdos|maximal dos|max dos|maximal dygnsdos|upp till|upptill|högsta dos|ej fler än|inte fler än|"
        "ej överstigande"
    ),
    Kind.AS_NEEDED: (
        "vid behov|vb|v b|vid beh|efter behov|vbeh|v behov|vid besvär|vid smärta|vid smärtor|vid värk|vid feber|"
        "vid huvudvärk|vid illamående|vid oro|vid ångest|vid kramp|vid andnöd|vid sömnsvårigheter|vid klåda|"
        "vid yrsel|vid migrän|vid anfall|vid hosta|vid bröstsmärta|vid bröstsmärtor|vid kärlkramp|"
        "vid förstoppning|vid sömnbesvär|vid halsbränna|vid allergi|vid allergibesvär|vid andningsbesvär|"
        "vid sömnlöshet|vid behof|om det behövs|om behov|behovsmedicin|behovsmedicinering|vid svår smärta|"
        "vid svår värk|vid migränanfall"
    ),
    Kind.OTHER_DAYS: "övriga dagar|resterande dagar|andra dagar|resten av dagarna|övriga veckodagar|övr dagar",
    Kind.EACH_SIDE: (
        "i vardera ögat|i vardera öga|i båda ögonen|i bägge ögonen|i varje öga|i vart öga|i vardera näsborren|"
        "i vardera näsborre|i varje näsborre|i båda näsborrarna|i vardera örat|i båda öronen|i varje öra|"
        "per näsborre|i bägge näsborrarna|i resp näsborre|i resp öga|i respektive öga|i respektive näsborre"
    ),
    Kind.PURPOSE: "mot|för|förebyggande mot|förebygger|till behandling av|som skydd mot|avser|indikation|ändamål",
    Kind.NEUTRAL: (
        "tas|tages|tag|ta|intas|intages|intag|sväljes|sväljs|svälj|sväljes hela|sväljs hela|hel|hela|tuggas|"
        "sönderdelas|löses|löses upp|lösas|löst|upplöst|upplöses|i vatten|med vatten|i ett glas vatten|"
        "med ett glas vatten|i 1 glas vatten|med 1 glas vatten|i 1/2 glas vatten|i ett halvt glas vatten|rikligt|"
        "med rikligt med vatten|med mat|med maten|till mat|till maten|före mat|före maten|före måltid|"
        "före måltiden|efter mat|efter maten|efter måltid|efter måltiden|i samband med mat|i samband med måltid|"
        "vid måltid|vid måltiden|vid måltider|till måltid|till måltiderna|till måltider|tillsammans med mat|"
        "tillsammans med måltid|med föda|tillsammans med föda|i samband med föda|vid måltiderna|före måltider|"
        "före måltiderna|mellan måltiderna|på fastande mage|fastande|oralt|peroralt|per os|po|sublingualt|"
        "under tungan|i munnen|rektalt|vaginalt|i ändtarmen|i slidan|i underlivet|subkutant|sc|intramuskulärt|im|"
        "under huden|inhaleras|inhalera|för inhalation|till inhalation|via spacer|tills vidare|tv|tillsvidare|"
        "kontinuerligt|regelbundet|långtidsbehandling|livslångt|livslång behandling|stående|stående ordination|"
        "enligt ordination|enl ordination|eo|enl ord|enligt ord|enligt läkares ordination|enl läkares ordination|"
        "enl läkarens ordination|enligt läkarens ordination|enligt läkare|som tidigare|oförändrat|oförändrad dos|"
        "som förut|som vanligt|enl tidigare|enligt tidigare ordination|enl tidigare ordination|apodos|"
        "dosdispenserat|dosdispenseras|dosdispensering|dosdisp|dosrecept|dosförpackat|dosexpedition|i ena ögat|"
        "i höger öga|i vänster öga|i hö öga|i vä öga|i höger näsborre|i vänster näsborre|i höger öra|"
        "i vänster öra|i näsan|i ett öga|i drabbat öga|cirka|ca|ungefär|gärna|helst|alltid|dos :|dosering|"
        "dosering :|daglig dos|dygnsdos|nytt|munlöslig|mixtur|oral lösning|à|byts|byte|bytes|appliceras|sätts|"
        "fästes|sättes|anbringas|ordinarie dos|oberoende av måltid|oberoende av mat|utan samband med måltid|"
        "oberoende av födointag|oavsett måltid|med måltid|med frukosten|fördelat på två doser|"
        "fördelat på 2 doser|fördelat på 3 doser|fördelat på tre doser|uppdelat på 2 doser|"
        "fördelat på två tillfällen|fördelat på 2 tillfällen|uppdelat på två doser|fördelat på flera doser|"
        "fördelat på 4 doser|fördelat på 3 tillfällen|delat på 2 doser|delat på två doser|i delade doser|"
        "samma tid varje dag|vid samma tid varje dag|vid samma tidpunkt varje dag|vid samma tidpunkt|samma tid"
    ),
}

_DAILY = {
    "adverb": (
        "dagligen|dagl|dgl|dagligt|varje dag|varje dygn|var dag|alla dagar|sju dagar i veckan|7 dagar i veckan|"
        "7 dagar per vecka"
    ),
    "share": (
        "per dag|per dygn|om dagen|om dygnet|/ dag|/ dygn|/ d|i dygnet|per d|/ dagen|/ dygnet|per dygnet|"
        "per 24 timmar|på ett dygn|på dygnet|/ 24 h|på en dag"
    ),
}
_A_WEEK = "i veckan|per vecka|/ vecka|/ v|/ veckan|om veckan|per v|varje vecka|i v|per veckan|veckovis"

PURPOSES = _words(
    "blodtryck blodtrycket blodtryckssänkande blodtryckssänkning blodtrycksmedicin kolesterolsänkande kolesterol "
    "blodfettssänkande blodfetter blodförtunnande vätskedrivande urindrivande smärtstillande smärtlindrande "
    "hjärtmedicin sömnmedicin antidepressivt antidepressiv lugnande magsyrahämmande magskyddande magskydd "
    "luftrörsvidgande proppförebyggande blodproppsförebyggande inflammationsdämpande febernedsättande "
    "benskörhetsmedicin astmamedicin allergimedicin diabetesmedicin hjärtskyddande kärlvidgande kramplösande "
    "laxerande slemlösande hostdämpande antibiotika penicillin järntillskott vitamintillskott kalciumtillskott "
    "avsvällande sköldkörtelhormon östrogen kortison betablockerare statin"
)
"""Words that say why, and may stand alone."""

CHANGES = _words(
    "trapp sänk höj öka ökn minsk uppehåll paus utsätt sätt avslut upphör byt annars eller tills när ej inte utom "
    "aldrig kur engång juster anpass schema enligt enl stopp slut om var varje vart vid sedan därefter dubbl halver "
    "extra ytterlig först sist upptrapp nedtrapp under endast bara max högst behov annan annat måste senast minst "
    "därutöver titrer dosök start börja inled fortsätt till"
)
"""Beginnings of words that change a dosage: none may hide among the words that say why."""


def _preceded(words: str) -> Iterator[str]:
    for word, before in product(words.split(), _BEFORE_A_TIME):
        plain = word.replace("\u00a0", " ")
        if not before or word not in _ALONE_ONLY:
            yield f"{before} {plain}".strip()


def _entries() -> Iterator[tuple[Iterable[str], Meaning]]:
    for kind, phrases in _PHRASES.items():
        yield phrases.split("|" if "|" in phrases else None), Meaning(kind)
    for name, words in _UNITS.items():
        yield words.split(), Meaning(Kind.UNIT, name)
    for word, volume in _VOLUMES.items():
        yield [word], Meaning(Kind.UNIT, "ml", Fraction(volume))
    for name, phrases in _DAILY.items():
        yield phrases.split("|"), Meaning(Kind.DAILY, name)
    week = Fraction(1, 7)
    yield _A_WEEK.split("|"), Meaning(Kind.RATE, "week", week, week)
    for name, words in _TIMES_OF_DAY.items():
        yield _preceded(words), Meaning(Kind.TIME_OF_DAY, name)
    for number, names in enumerate(_WEEKDAYS):
        full = names[0]
        forms = [full, f"{full}ar", f"{full}en", f"{full}s", *names[1:]]
        yield (
            (f"{before} {form}".strip() for before in ("", "varje", "på", "om") for form in forms),
            Meaning(Kind.WEEKDAYS, str(number)),
        )
    yield ["vardagar", "på vardagar", "vardag", "varje vardag"], Meaning(Kind.WEEKDAYS, "0 1 2 3 4")
    yield ["helger", "på helger", "helgdagar", "varje helg"], Meaning(Kind.WEEKDAYS, "5 6")
    day = Meaning(Kind.DURATION, "", Fraction(1), Fraction(1))
    yield ["första dagen", "första dygnet", "den första dagen", "dag 1", "dag ett", "startdos första dagen"], day


@cache
def phrases() -> dict[tuple[str, ...], Meaning]:
    """Every phrase, as its words, with what it means; those with å, ä and ö also without their dots and rings."""
    found: dict[tuple[str, ...], Meaning] = {}
    for texts, meaning in _entries():
        for text in texts:
            found.setdefault(tuple(text.split()), meaning)
    for words, meaning in list(found.items()):
        found.setdefault(tuple(map(without_marks, words)), meaning)
    return found


PARTS = {
    **dict.fromkeys(("varannan", "vartannat"), "every other"),
    **dict.fromkeys(("klockan", "klock", "kl"), "clock"),
    **dict.fromkeys(("mellanrum", "intervall"), "apart"),
    **dict.fromkeys(("minut", "minuter", "min"), "minutes"),
    **dict.fromkeys(("månad", "månader"), "months"),
    **{word: f"{hours} hours" for word, hours in PERIOD_HOURS.items()},
    **dict.fromkeys(("var", "vart", "varje", "innan", "före", "tom", "till", "eller", "alternativt", "alt"), "short"),
}
"""Words of which phrases with numbers are made, with a name for their meaning."""


@cache
def known_words() -> frozenset[str]:
    """Every word that means something."""
    words = {word for phrase in phrases() for word in phrase} | set(PARTS)
    numbers = {*NUMBERS, *ORDINALS, *FRACTIONS}
    return frozenset(words | numbers | set(map(without_marks, numbers)))


_MARKS = str.maketrans("åäöéµ", "aaoeu")


def without_marks(word: str) -> str:
    """A word as a keyboard without å, ä and ö has it."""
    return word.translate(_MARKS)
