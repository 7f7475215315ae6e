"""What `linkage-server lab evaluate` writes about treatment lines: paths, edges of a Sankey diagram, persons' lines."""

from __future__ import annotations

import pandas as pd
import pytest

from linkage_server.lab.evaluate import evaluate_files

SET = """
[set]
id = "tried"
version = "0.1.0"
[codes.statin]
atc_include = ["C10AA"]
[codes.ezetimibe]
atc_include = ["C10AX09"]
[supply.given]
steps = ["days_supply"]
[[indicator]]
id = "lipids"
kind = "treatment_lines"
codes = ["statin", "ezetimibe"]
supply = "given"
observe = { from = 0, to = 365 }
statistic = ["mean", "paths"]
"""
# p1 and p2 add ezetimibe to a statin, p3 has a statin only, p4 nothing.
POPULATION = """id,index_date,sex
p1,2020-01-01,F
p2,2020-01-01,M
p3,2020-01-01,M
p4,2020-01-01,M
"""
LMED = """person,dispensing_date,ATC,ANTAL,days_supply
p1,2020-01-01,C10AA05,1,100
p1,2020-02-10,C10AX09,1,60
p2,2020-01-01,C10AA05,1,100
p2,2020-03-01,C10AX09,1,40
p3,2020-01-11,C10AA05,1,100
"""


@pytest.fixture
def written(tmp_path):
    (tmp_path / "set.toml").write_text(SET)
    (tmp_path / "people.csv").write_text(POPULATION)
    (tmp_path / "lmed.csv").write_text(LMED)
    evaluate_files(
        tmp_path / "set.toml",
        population=tmp_path / "people.csv",
        events={"lmed": tmp_path / "lmed.csv"},
        out=tmp_path / "out",
        write_persons=True,
        by=[["sex"]],
    )
    return {path.stem: pd.read_parquet(path) for path in (tmp_path / "out").glob("*.parquet")}


def test_each_path_has_its_persons_of_all_that_are_counted(written):
    paths = written["paths"]
    chosen = paths[(paths.sex == "total") & (paths.statistic == "path")].set_index("path")
    assert chosen.persons.to_dict() == {"statin - statin+ezetimibe": 2, "statin": 1, "none": 1}
    assert (chosen.of == 4).all()
    assert chosen.share["statin"] == 0.25
    assert (chosen.lower < chosen.share).all()
    men = paths[(paths.sex == "man") & (paths.statistic == "path")].set_index("path")
    assert men.persons.to_dict() == {"none": 1, "statin": 1, "statin - statin+ezetimibe": 1}


def test_edges_lead_from_each_line_to_the_next_or_to_none(written):
    edges = written["paths"].query("sex == 'total' and statistic == 'edge'")
    told = {(int(one.line), one.source, one.target): one.persons for one in edges.itertuples()}
    assert told == {
        (2, "statin", "statin+ezetimibe"): 2,
        (2, "statin", "none"): 1,
        (3, "statin+ezetimibe", "none"): 2,
    }


def test_lines_of_each_person(written):
    lines = written["treatment_lines"]
    assert lines[["person_id", "line", "treatment", "days"]].to_numpy().tolist() == [
        ["p1", 1, "statin", 40],
        ["p1", 2, "statin+ezetimibe", 60],
        ["p2", 1, "statin", 60],
        ["p2", 2, "statin+ezetimibe", 40],
        ["p3", 1, "statin", 100],
    ]
    assert str(lines.start[4]) == "2020-01-11"
