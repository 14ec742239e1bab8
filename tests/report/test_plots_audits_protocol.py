import importlib.util
from pathlib import Path

import pytest

from testiculus.claims import Conditions
from testiculus.claims.audits import effects_frame
from testiculus.claims.audits_readings import AUDITS
from testiculus.report import protocol_audits_plot
from testiculus.report.style import BLUE, GREY, VERMILION

SPEC = importlib.util.spec_from_file_location("fakes", Path(__file__).with_name("fake_audits.py"))
FAKES = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(FAKES)
CONDITIONS = Conditions("phantom", "demo", "scratch-A")


@pytest.fixture(scope="module")
def effects():
    return effects_frame(FAKES.fake_audits(), FAKES.no_predictions(), {}, CONDITIONS)


def points(axis):
    """Return the drawn points as (effect, colour, marker) by their place, without the bars."""
    dots = [line for line in axis.lines if line.get_linestyle() == "None"]
    return [(line.get_xdata()[0], line.get_color(), line.get_marker()) for line in dots]


def test_every_figure_has_its_point_coloured_by_its_direction(effects):
    axis = protocol_audits_plot(effects, CONDITIONS).axes[0]
    shown = {(r.metric, r.scored_on, a.id) for a in AUDITS for r in a.readings if r.claim}
    lines = [e for e in effects.itertuples() if (e.metric, e.scored_on, e.audit) in shown]
    colours = {"flatters": VERMILION, "raises the figure": VERMILION}
    colours |= {"understates": BLUE, "lowers the figure": BLUE}
    markers = {"f1": "o", "auc": "D"}

    drawn = points(axis)
    found = [line for line in lines if line.effect == line.effect]
    assert len(drawn) == len(found) > 10
    expected = [
        (pytest.approx(100 * e.effect), colours.get(e.direction, GREY), markers.get(e.metric, "s"))
        for e in found
    ]
    assert drawn == expected


def test_what_is_so_by_construction_is_hollow(effects):
    axis = protocol_audits_plot(effects, CONDITIONS).axes[0]
    dots = [line for line in axis.lines if line.get_linestyle() == "None"]
    hollow = [dot.get_xdata()[0] for dot in dots if dot.get_markerfacecolor() == "white"]

    given = {(r.metric, r.scored_on, a.id) for a in AUDITS for r in a.readings if r.given}
    lines = [e for e in effects.itertuples() if (e.metric, e.scored_on, e.audit) in given]
    expected = [100 * e.effect for e in lines if e.effect == e.effect]
    assert hollow == pytest.approx(expected) and 0 < len(hollow) < len(dots)


def test_each_error_is_headed_and_what_has_not_run_says_so(effects):
    axis = protocol_audits_plot(effects, CONDITIONS).axes[0]
    texts = [" ".join(text.get_text().split()) for text in axis.texts]

    errors = [audit.error for audit in AUDITS]
    assert [text for text in texts if text in errors] == errors
    not_run = {(a.id, r.scored_on) for a in AUDITS for r in a.readings if a.source != "audits"}
    assert texts.count("not run") == len(not_run)
    names = [label.get_text() for label in axis.get_yticklabels()]
    assert "the flags' precision" in names and names.count("as reported") == 5


def test_smoke_is_grey(effects):
    axis = protocol_audits_plot(effects, Conditions("phantom", "smoke")).axes[0]

    assert {colour for _, colour, _ in points(axis)} == {GREY}
