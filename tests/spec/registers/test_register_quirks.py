"""The quirks of Swedish register deliveries, one sentence each, on a few rows that can be checked by eye."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from linkage.register_catalogue import RegisterDefinition, shipped_registers
from linkage_server.registers.ingest import load_delivery
from linkage_server.registers.quality_report import QualityReport
from tests.support.register_loading import PERSONS, settings_in, stored_rows, write_csv

ANNA, BERTIL, CECILIA = PERSONS[100], PERSONS[200], PERSONS[300]


def load(folder: Path, register: str | RegisterDefinition, lines: list[str]) -> tuple[QualityReport, list[dict]]:
    """Load a delivery of one file; its report and the stored rows."""
    definition = shipped_registers()[register] if isinstance(register, str) else register
    settings = settings_in(folder)
    report = load_delivery(definition, [write_csv(folder / "delivery.csv", lines)], settings=settings)
    return report, stored_rows(settings, definition.name).to_pylist()


def lmed(folder: Path, header: str, *rows: str) -> tuple[QualityReport, list[dict]]:
    """Load dispensings whose first columns are person, date, ATC code and packages."""
    return load(folder, "lmed", [f"personnummer;EDATUM;ATC;ANTAL{header}", *rows])


def rules(report: QualityReport) -> dict[tuple[str, str], int]:
    return {(count.rule, count.variable): count.rows for count in report.quarantined_by_rule}


@pytest.mark.parametrize(
    "header", ["PERSONNUMMER;edatum;atc;antal", "p444_lopnr_personnr;EDATUM;Atc;ANTAL", "LopNr;EDATUM;ATC;antal"]
)
def test_column_names_differ_in_case_and_by_delivery(tmp_path: Path, header: str) -> None:
    _, rows = load(tmp_path, "lmed", [header, f"{ANNA};2024-01-15;C10AA05;1"])

    assert rows[0]["atc"] == "C10AA05"


def test_negative_packages_are_corrections_and_stay(tmp_path: Path) -> None:
    report, rows = lmed(tmp_path, "", f"{ANNA};2024-01-15;C10AA05;2", f"{ANNA};2024-01-15;C10AA05;-2")

    assert sorted(row["packages"] for row in rows) == [-200, 200]
    assert report.corrections == 1
    assert report.rows.quarantined == 0


def test_dose_dispensing_has_fractions_of_a_package_kept_exactly(tmp_path: Path) -> None:
    _, rows = lmed(tmp_path, "", f"{ANNA};2024-01-15;C10AA05;0,14", f"{BERTIL};2024-01-15;C10AA05;0.29")

    assert sorted(row["packages"] for row in rows) == [14, 29]


def test_more_decimals_than_are_kept_are_rounded_and_counted(tmp_path: Path) -> None:
    report, rows = lmed(
        tmp_path, ";forpddd", f"{ANNA};2024-01-15;C10AA05;1;33.335", f"{BERTIL};2024-01-15;C10AA05;1;33.3"
    )

    assert sorted(row["ddd_per_package"] for row in rows) == [3330, 3334]
    assert [(count.rule, count.rows) for count in report.counted_by_rule] == [("decimals_rounded", 1)]


def test_lost_leading_zeros_of_places_and_articles_come_back(tmp_path: Path) -> None:
    report, rows = lmed(tmp_path, ";LK;LKF;LAN;VARUNR", f"{ANNA};2024-01-15;C10AA05;1;115;11501;1;12345")

    assert (rows[0]["residence"], rows[0]["lkf"], rows[0]["county"], rows[0]["product"]) == (
        "0115",
        "011501",
        "01",
        "012345",
    )
    assert sum(count.rows for count in report.counted_by_rule if count.rule == "leading_zeros_restored") == 4


@pytest.mark.parametrize("atc", ["A01", "V09FX01", "Y75", "Y20AA01", "Z", "X99", "-", "BLANKED"])
def test_article_groups_foods_dashes_and_redacted_codes_are_stored_as_written(tmp_path: Path, atc: str) -> None:
    report, rows = lmed(tmp_path, "", f"{ANNA};2024-01-15;{atc};1")

    assert [row["atc"] for row in rows] == [atc]
    assert "malformed" not in next(v for v in report.variables if v.name == "atc").codes


def test_a_wrongly_written_code_is_counted_and_never_listed(tmp_path: Path) -> None:
    report, rows = lmed(tmp_path, "", f"{ANNA};2024-01-15;C10AA5;1", f"{BERTIL};2024-01-15;C10AA05;1")

    variable = next(v for v in report.variables if v.name == "atc")
    assert sorted(row["atc"] for row in rows) == ["C10AA05", "C10AA5"]
    assert variable.codes == {"correct": 1, "malformed": 1}
    assert variable.unknown_codes == ()


def test_an_unknown_municipality_is_counted_and_kept(tmp_path: Path) -> None:
    # 1917 was Heby until 2006; then the municipality moved to another county and became 0331.
    report, rows = lmed(tmp_path, ";LK", f"{ANNA};2006-01-15;C10AA05;1;1917", f"{BERTIL};2006-01-15;C10AA05;1;0180")

    variable = next(v for v in report.variables if v.name == "lk")
    assert sorted(row["residence"] for row in rows) == ["0180", "1917"]
    assert [(code.code, code.rows) for code in variable.unknown_codes] == [("1917", 1)]


def test_package_ids_of_fourteen_digits_stay_text(tmp_path: Path) -> None:
    _, rows = lmed(tmp_path, ";NPLPACKID", f"{ANNA};2024-01-15;C10AA05;1;20040607001234")

    assert rows[0]["nplpackid"] == "20040607001234"


def test_the_prescribed_article_may_differ_from_the_dispensed_one(tmp_path: Path) -> None:
    _, rows = lmed(tmp_path, ";VARUNR;FVARUNR;BYTET", f"{ANNA};2024-01-15;C10AA05;1;123456;654321;2")

    assert (rows[0]["product"], rows[0]["fvarunr"], rows[0]["substitution"]) == ("123456", "654321", "2")


def test_costs_are_kept_to_the_ore_and_a_sum_that_is_off_is_counted(tmp_path: Path) -> None:
    report, rows = lmed(
        tmp_path,
        ";TKOST;LKOST;EGENAVGIFT",
        f"{ANNA};2024-01-15;C10AA05;1;100,10;60,05;40,05",
        f"{BERTIL};2024-01-15;C10AA05;1;100,10;60,05;10,05",
        f"{CECILIA};2024-01-15;C10AA05;-1;-100,10;-60,05;-40,05",
    )

    assert sorted(row["cost_total"] for row in rows) == [-10010, 10010, 10010]
    assert [(count.rule, count.rows) for count in report.counted_by_rule] == [("sum_of", 1)]


def test_a_drug_without_a_ddd_is_stored_without_one(tmp_path: Path) -> None:
    _, rows = lmed(tmp_path, ";forpddd", f"{ANNA};2024-01-15;L01XX99;1;")

    assert rows[0]["ddd_per_package"] is None


def test_a_year_that_is_not_the_dispensing_dates_is_counted(tmp_path: Path) -> None:
    report, rows = lmed(tmp_path, ";AR", f"{ANNA};2024-01-15;C10AA05;1;2023")

    assert len(rows) == 1
    assert [(count.rule, count.variable) for count in report.counted_by_rule] == [("year_of", "ar")]


def test_up_to_three_specialties_become_one_list(tmp_path: Path) -> None:
    _, rows = lmed(
        tmp_path, ";SPKOD1;SPKOD2;SPKOD3", f"{ANNA};2024-01-15;C10AA05;1;11;;31", f"{BERTIL};2024-01-15;C10AA05;1;;;"
    )

    assert sorted(row["prescriber_specialty"] for row in rows) == [[], ["11", "31"]]


def test_a_dispensing_without_a_person_or_by_a_reserve_number_is_quarantined_and_counted(tmp_path: Path) -> None:
    report, rows = lmed(
        tmp_path, "", f"{ANNA};2024-01-15;C10AA05;1", ";2024-01-15;C10AA05;1", "19121212T121;2024-01-15;C10AA05;1"
    )

    assert len(rows) == 1
    assert report.persons_not_linkable["no_person"] == 1
    assert sum(report.persons_not_linkable.values()) == 2


def test_dates_with_unknown_parts_keep_raw_text_imputed_date_and_precision(tmp_path: Path) -> None:
    _, rows = load(
        tmp_path,
        "dors",
        [
            "LopNr,DODSDAT,ULORSAK",
            f"{PERSONS[1]},20230517,I219",
            f"{PERSONS[2]},20230500,I219",
            f"{PERSONS[3]},20230000,I219",
            f"{PERSONS[4]},20239999,I219",
            f"{PERSONS[5]},202305,I219",
        ],
    )

    found = {row["death_date_raw"]: (row["death_date"], row["death_date_precision"]) for row in rows}
    assert found == {
        "20230517": (date(2023, 5, 17), 3),
        "20230500": (date(2023, 5, 15), 2),
        "20230000": (date(2023, 7, 1), 1),
        "20239999": (date(2023, 7, 1), 1),
        "202305": (date(2023, 5, 15), 2),
    }


def test_a_date_that_the_calendar_does_not_have_is_quarantined(tmp_path: Path) -> None:
    report, rows = lmed(tmp_path, "", f"{ANNA};2023-02-29;C10AA05;1", f"{BERTIL};20240229;C10AA05;1")

    assert [row["dispensing_date"] for row in rows] == [date(2024, 2, 29)]
    assert rules(report) == {("no_such_date", "edatum"): 1}


def test_of_several_rows_of_a_death_the_one_with_a_cause_is_kept_and_the_rest_counted(tmp_path: Path) -> None:
    report, rows = load(
        tmp_path,
        "dors",
        [
            "lopnr,dodsdat,ulorsak,morsak1,morsak2",
            f"{ANNA},2023-01-01,,I10,",
            f"{ANNA},2023-01-01,I219,I10,E119",
            f"{ANNA},2023-01-01,C349,,",
            f"{BERTIL},2023-02-01,,,",
            f"{BERTIL},2023-02-01,,,",
        ],
    )

    assert {row["underlying_cause"] for row in rows} == {"I219", None}
    assert len(rows) == 2
    assert report.rows.merged == 3
    assert next(row["contributing_cause"] for row in rows if row["underlying_cause"]) == ["I10", "E119"]


def test_a_death_that_is_delivered_again_later_is_not_stored_twice(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    first = ["lopnr,dodsdat,ulorsak", f"{ANNA},2023-01-01,I219", f"{BERTIL},2023-02-01,"]
    second = ["lopnr,dodsdat,ulorsak", f"{ANNA},2023-01-01,I219", f"{BERTIL},2023-02-01,C349", f"{CECILIA},2024-01-01,"]
    load_delivery(shipped_registers()["dors"], [write_csv(tmp_path / "1.csv", first)], settings=settings)
    report = load_delivery(shipped_registers()["dors"], [write_csv(tmp_path / "2.csv", second)], settings=settings)

    stored = stored_rows(settings, "dors")["underlying_cause"].to_pylist()
    assert report.rows.merged == 1
    assert sorted(stored, key=str) == ["C349", "I219", None, None]


def test_thirty_diagnosis_columns_and_space_separated_procedures_become_lists(tmp_path: Path) -> None:
    diagnoses = [f"DIA{number}" for number in range(1, 31)]
    values = [""] * 30
    values[0], values[2], values[29] = "E119", "464,01", "BLANKED"
    _, rows = load(
        tmp_path,
        "par_sv",
        [
            ";".join(["LopNr", "INDATUM", "UTDATUM", "hdia", "op", *diagnoses]),
            ";".join([ANNA, "20240102", "20240105", "I219", " FNG05  AF037 ", *values]),
        ],
    )

    assert rows[0]["main_diagnosis"] == "I219"
    assert rows[0]["diagnosis"] == ["E119", "464,01", "BLANKED"]
    assert rows[0]["procedure"] == ["FNG05", "AF037"]


def test_a_stay_that_ends_before_it_begins_is_quarantined(tmp_path: Path) -> None:
    report, rows = load(
        tmp_path,
        "par_sv",
        ["LopNr;INDATUM;UTDATUM;HDIA", f"{ANNA};20240110;20240105;I219", f"{BERTIL};20240110;20240110;I219"],
    )

    assert len(rows) == 1
    assert rules(report) == {("not_after", "indatum"): 1}


def test_a_person_may_have_many_tumours_with_old_six_digit_dates(tmp_path: Path) -> None:
    _, rows = load(
        tmp_path,
        "cancer",
        [
            "LopNr,DIADAT,ICDO3,ICD7,SNOMED3",
            f"{ANNA},196503,C509,170,85003",
            f"{ANNA},650312,C509,170,",
            f"{ANNA},20200301,D45,,",
        ],
    )

    assert sorted((row["diagnosis_date"], row["diagnosis_date_precision"]) for row in rows) == [
        (date(1965, 3, 12), 3),
        (date(1965, 3, 15), 2),
        (date(2020, 3, 1), 3),
    ]


def test_an_identity_number_in_free_text_is_quarantined(tmp_path: Path) -> None:
    report, rows = lmed(
        tmp_path,
        ";DOSERING",
        f"{ANNA};2024-01-15;C10AA05;1;1 tablett till {BERTIL[:8]}-{BERTIL[8:]}",
        f"{CECILIA};2024-01-15;C10AA05;1;1 tablett dagligen",
    )

    assert [row["dosage_text"] for row in rows] == ["1 tablett dagligen"]
    assert rules(report) == {("holds_identity_number", "dosering"): 1}


@pytest.mark.parametrize(
    "written",
    [
        "{0}\u2013{1}",
        "{0} - {1}",
        "{0}\u00a0{1}",
        "{0} {1}",
        "19{0} \u2013 {1}",
        "1111111111 och 19{0}{1}",
        "111111-1111 19{0}{1}",
        "20240115 19{0}{1}",
    ],
)
def test_an_identity_number_in_free_text_is_found_however_it_is_written(tmp_path: Path, written: str) -> None:
    """Dashes of a word processor, blanks, and a number right behind what only looks like one."""
    number = next(one for one in PERSONS if one.startswith("19"))
    text = written.format(number[2:8], number[8:])
    report, rows = lmed(tmp_path, ";DOSERING", f"{ANNA};2024-01-15;C10AA05;1;{text}", f"{ANNA};2024-01-16;C10AA05;1;x")

    assert [row["dosage_text"] for row in rows] == ["x"]
    assert rules(report) == {("holds_identity_number", "dosering"): 1}


@pytest.mark.parametrize("written", ["se {}", "{}: dubbel dos", "1 tablett dagligen (åt {}), vid behov"])
def test_ten_digits_among_words_are_suspected(tmp_path: Path, written: str) -> None:
    lines = [
        f"{ANNA};2024-01-{day};C10AA05;1;{text}"
        for day, text in (
            ("15", written.format(BERTIL[2:])),
            ("16", written.format("0000000000")),
            ("17", written.format("x" + BERTIL[2:])),
        )
    ]
    report, rows = lmed(tmp_path, ";DOSERING", *lines)

    assert len(rows) == 2
    assert rules(report) == {("holds_identity_number", "dosering"): 1}


@pytest.mark.parametrize("column", ["TKOST", "LKOST", "EGENAVGIFT", "fddd", "antnum"])
@pytest.mark.parametrize("digits", ["{0}", "{1}", "{0},00", "{1}.0"])
def test_an_identity_number_among_amounts_is_never_stored(tmp_path: Path, column: str, digits: str) -> None:
    """A column that has shifted stands among numbers too; an amount of ten digits that is none is stored."""
    shifted = digits.format(BERTIL, BERTIL[2:])
    report, rows = lmed(
        tmp_path, f";{column}", f"{ANNA};2024-01-15;C10AA05;1;{shifted}", f"{ANNA};2024-01-16;C10AA05;1;20"
    )

    assert len(rows) == 1
    assert [count.rule for count in report.quarantined_by_rule] == ["holds_identity_number"]
    assert BERTIL[2:] not in report.model_dump_json()


def test_a_large_amount_that_is_no_identity_number_is_stored(tmp_path: Path) -> None:
    report, rows = lmed(tmp_path, ";TKOST", f"{ANNA};2024-01-15;C10AA05;1;9999999999")

    assert len(rows) == 1
    assert rules(report) == {}


@pytest.mark.parametrize("column", ["ATC", "VARUNR", "KON", "produkt", "SPKOD1", "NPLPACKID"])
def test_an_identity_number_in_a_shifted_column_is_never_stored_as_a_code(tmp_path: Path, column: str) -> None:
    header = ["personnummer", "EDATUM", "ATC", "ANTAL", "VARUNR", "KON", "produkt", "SPKOD1", "NPLPACKID"]
    sound = [ANNA, "2024-01-15", "C10AA05", "1", "123456", "1", "Name", "11", "20040607001234"]
    shifted = [BERTIL if name == column else value for name, value in zip(header, sound, strict=True)]
    report, rows = load(tmp_path, "lmed", [";".join(header), ";".join(sound), ";".join(shifted)])

    assert len(rows) == 1
    assert [count.rule for count in report.quarantined_by_rule] == ["holds_identity_number"]
    assert BERTIL not in report.model_dump_json()


def test_ten_digits_are_suspected_only_where_no_such_code_can_stand(tmp_path: Path) -> None:
    report, rows = lmed(
        tmp_path,
        ";KON;arbetspl_lopnr",
        f"{ANNA};2024-01-15;C10AA05;1;{BERTIL[2:]};1",
        f"{ANNA};2024-01-15;C10AA05;1;2;{BERTIL[2:]}",
    )

    assert [row["sex"] for row in rows] == ["2"]
    assert rules(report) == {("holds_identity_number", "kon"): 1}


def test_latin_1_is_read_where_the_definition_declares_it(tmp_path: Path) -> None:
    definition = shipped_registers()["lmed"]
    latin = definition.model_copy(update={"delivery": definition.delivery.model_copy(update={"encoding": "latin-1"})})
    settings = settings_in(tmp_path)
    lines = ["personnummer;EDATUM;ATC;ANTAL;lform", f"{ANNA};2024-01-15;C10AA05;1;Ögondroppar"]
    load_delivery(latin, [write_csv(tmp_path / "d.csv", lines, encoding="latin-1")], settings=settings)

    assert stored_rows(settings, "lmed").column("dosage_form").to_pylist() == ["Ögondroppar"]
