import re
from dataclasses import fields

import numpy as np
import pytest

from testiculus.data.phantom import SCANNERS, PhantomSettings, Scanner, truth_table
from testiculus.execute.phantom_card import field_texts, phantom_card_pieces


@pytest.fixture(scope="module")
def pieces():
    return {name.split("_")[-1]: text for name, text in phantom_card_pieces().items()}


def rows(text):
    lines = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in lines[2:]}


def test_every_setting_is_told_with_its_default(pieces):
    told = rows(pieces["settings.md"])

    assert set(told) == {f"`{field.name}`" for field in fields(PhantomSettings)}
    assert told["`contrast`"][0] == f"{PhantomSettings().contrast:g}"
    assert told["`scanner_shares`"][0] == "0.5, 0.5"
    assert all(len(what) > 10 for _, what in told.values())


def test_every_number_of_both_scanners_is_told_with_its_unit(pieces):
    told = rows(pieces["scanners.md"])

    assert len(told) == len(fields(Scanner)) - 1
    values = [f"{scanner.frequency_mhz:g}" for scanner in SCANNERS.values()]
    assert told["frequency (MHz)"][:2] == values and told["f number"][2]


def test_the_composition_is_counted_from_the_labels_of_the_default_set(pieces):
    """Counted here view by view, in a loop of its own."""
    told, counts = rows(pieces["composition.md"]), dict.fromkeys(("wrong", "reader", "label"), 0)
    frame = truth_table(PhantomSettings())
    for view in frame.itertuples():
        counts["wrong"] += int(view.label != view.true_label)
        counts["reader"] += int(view.why == "reader")
        counts["label"] += int(view.label)

    shown = {name: int(re.match(r"\d+", here)[0]) for name, (here, _) in told.items()}
    assert shown["with a wrong label"] == counts["wrong"]
    assert shown["with a wrong label because the reading was wrong"] == counts["reader"]
    assert shown["labelled inhomogeneous"] == counts["label"] and shown["views"] == len(frame)
    assert sum(shown[f"on `{name}`"] for name in SCANNERS) == len(frame)


def test_what_is_here_scatters_around_what_the_settings_imply(pieces):
    """By no more than four standard deviations of so many testes, were they independent."""
    testes = 2 * PhantomSettings().patients
    compared = [(here, implied) for here, implied in rows(pieces["composition.md"]).values()]
    shares = [(re.search(r"\((.*)%\)", here)[1], implied) for here, implied in compared if implied]

    assert len(shares) == 7
    for here, implied in shares:
        p = float(implied.strip("%")) / 100
        assert abs(float(here) / 100 - p) < 4 * np.sqrt(p * (1 - p) / testes)


def test_a_field_that_the_docstring_does_not_tell_is_noticed():
    assert field_texts("Nothing.\n\n    a: told.") == {"a": "told."}
    for told in (PhantomSettings, Scanner):
        assert set(field_texts(told.__doc__)) == {field.name for field in fields(told)}
