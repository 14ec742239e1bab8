"""The ledger in a terminal: what is asked for, within its width, with the counts of verdicts."""

import pytest

from testiculus.base.errors import UserError
from testiculus.claims.ledger import LEDGER_VERDICTS, NOT_RUN, Found, Judged, ledger_frame
from testiculus.paper.ledger import ledger
from testiculus.report.ledger import chosen, counts_table, ledger_text


@pytest.fixture(scope="module")
def frame():
    effect = {"effect": 0.1, "ci_low": 0.05, "ci_high": 0.15}
    verdicts = {
        "flipped-beats-complete-f1": {"verdict": "supported", **effect},
        "filtered-beats-complete-f1": {"verdict": "contradicted", **effect},
    }
    runs = [Judged("table1", "phantom", "demo", verdicts, 90.0, "1 min 30 s", stale=True)]
    audits = {"uusic-adds-up": Found("contradicted", "uusic-adds-up", "sums", note="off by 40")}
    return ledger_frame(ledger(), runs, audits)


def test_a_claim_stands_above_its_places_and_its_results(frame):
    text = ledger_text(chosen(frame, words="flipping-raises-f1"))
    lines = text.splitlines()

    assert lines[0].endswith("Inverting the suspicious labels raises F1.")
    assert "slides: results" in " ".join(lines[1:3])
    assert lines[-1].split()[:3] == ["phantom,", "demo,", "table1"]
    assert "supported (stale)" in lines[-1] and "+10.0 [+5.0, +15.0]  1 min 30 s" in lines[-1]


@pytest.mark.parametrize("width", [80, 100])
def test_no_line_is_wider_than_the_terminal(frame, width):
    assert max(map(len, ledger_text(frame, width).splitlines())) <= width


def test_choices_are_kept_all_at_once(frame):
    kept = chosen(frame, verdict="contradicted", data="printed figures", document="thesis")

    assert list(kept["id"]) == ["uusic-size"]
    assert set(chosen(frame, document="renal")["topic"]) == {"USF-MAE"}
    assert chosen(frame, words="uusic 8,736").equals(chosen(frame, words="8,736 UUSIC"))
    assert chosen(frame).equals(frame)


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ({"verdict": "suported"}, "did you mean 'supported'"),
        ({"data": "livr"}, "unknown data 'livr'"),
        ({"document": "book"}, "unknown document 'book'"),
        ({"words": "no such word"}, "no claim of the ledger fits"),
    ],
)
def test_a_choice_that_fits_nothing_is_said_so(frame, choice, said):
    with pytest.raises(UserError, match=said):
        chosen(frame, **choice)


def test_the_counts_are_of_the_sources_claims_alone(frame):
    table = counts_table(frame)
    sources = frame[~frame["own"]]

    cells = table.frame[list(LEDGER_VERDICTS)].astype(int)
    assert cells.to_numpy().sum() == len(sources)
    assert cells[NOT_RUN].sum() == (sources["verdict"] == NOT_RUN).sum()
    assert f"Of {sources['id'].nunique()} claims" in table.notes[0]
