"""The picture: marks where the figures are, words for all of it, and text that is never markup."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testiculus.execute.headlines import NAN, Headline
from testiculus.execute.headlines_html import extent, picture, ticks

CSS = Path(__file__).parents[2] / "book" / "static" / "welcome.css"


def row(**about):
    given = {"id": "a", "words": "A claim", "experiment": "table2", "profile": "demo"}
    given |= {"verdict": "supported", "printed": 0.1, "effect": 0.05, "low": 0.0, "high": 0.1}
    given |= {"threshold": 0.0, "read_on": "by AUC", "told": "All of it.", "link": "p.html#v"}
    return Headline(**(given | about))


NOTHING = {"effect": NAN, "low": NAN, "high": NAN, "verdict": "not run"}


class Marks(HTMLParser):
    """What is drawn: (class, attributes) in order, and whether every tag is closed."""

    def __init__(self, text):
        super().__init__()
        self.found, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((dict(attributes).get("class"), dict(attributes)))
        if tag != "link":
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.found.append((dict(attributes).get("class"), dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def of(self, name):
        return [about for found, about in self.found if found == name]


def test_marks_lie_where_their_values_are_on_the_scale():
    rows = [row(printed=0.2, effect=0.1, low=-0.1, high=0.15)]
    low, high = extent(rows)
    marks = Marks(picture(rows))

    def percent(value):
        return pytest.approx(100 * (value - low) / (high - low), abs=0.01)

    (here,), (interval,), (zero,) = (
        marks.of(f"forest-{name}") for name in ("here", "interval", "zero")
    )
    assert float(here["cx"].rstrip("%")) == percent(0.1)
    assert float(interval["x1"].rstrip("%")) == percent(-0.1)
    assert float(interval["x2"].rstrip("%")) == percent(0.15)
    assert float(zero["x1"].rstrip("%")) == percent(0)
    assert len(marks.of("forest-printed")) == 1 and not marks.open


def test_what_has_not_run_has_its_printed_difference_alone():
    marks = Marks(picture([row(**NOTHING)]))

    assert len(marks.of("forest-printed")) == 1
    assert not marks.of("forest-here") and not marks.of("forest-interval")
    assert marks.of("forest-strip")[0]["aria-label"] == "printed +10.0 points, none here"


def test_every_row_leads_to_what_decides_it_and_says_its_verdict_in_words():
    text = picture([row(), row(verdict="contradicted", link="q.html", stale=True)])

    assert [a["href"] for a in Marks(text).of("forest-row")] == ["p.html#v", "q.html"]
    assert ">contradicted</span>" in text and text.count('class="forest-stale"') == 1


def test_a_claim_is_text_and_never_markup():
    text = picture([row(words="a < b", told='he "said" <b>')])

    assert "a &lt; b" in text and "<b>" not in text.partition("<figcaption>")[0]


def test_the_caption_says_in_which_reading_each_table_stands_there():
    rows = [row(), row(experiment="table4"), row(experiment="fig4", read_on="against batches")]
    caption = picture(rows).partition("<figcaption>")[2]

    assert "Table 2 and Table 4 by AUC; Fig. 4 against batches" in caption
    assert "Dotted" not in caption
    assert "Dotted" in picture([row(threshold=-0.025)])


def test_without_any_figure_there_is_still_a_scale():
    low, high = extent([row(printed=NAN, **NOTHING)])

    assert low < 0 < high and Marks(picture([row(printed=NAN, **NOTHING)])).open == []


@given(st.floats(-0.9, 0.0), st.floats(0.02, 0.9))
def test_ticks_are_round_lie_on_the_scale_and_are_few(low, high):
    found = ticks(low, high)

    assert 1 <= len(found) <= 6 and all(low - 1e-9 <= tick <= high + 1e-9 for tick in found)
    assert any(abs(tick) < 1e-9 for tick in found)
    assert all(abs(100 * tick - round(100 * tick)) < 1e-6 for tick in found)


def test_every_class_that_is_drawn_is_laid_out_and_nothing_is_fetched():
    text, css = picture([row(threshold=-0.025, stale=True)]), CSS.read_text()
    classes = {name for both in re.findall(r'class="([^"]+)"', text) for name in both.split()}

    assert {name for name in classes if f".{name}" not in css} <= {"forest-rows"}
    assert not re.search(r"https?://|@import|url\(", css) and 'data-theme="dark"' in css
