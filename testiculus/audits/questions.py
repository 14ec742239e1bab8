"""Which labels a data set holds, as questions with two answers: `label_questions`.

The columns `label` and `true_label` are the manifest's own. A further column whose name speaks of
labels, such as `publisher_label`, is asked about as well, two of its classes at a time: a set may
have been made harmless for its labelled rows and not for the images that somebody adds later.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from testiculus.base.errors import one_of

WORDS = ("label", "class", "diagnosis", "category")  # in the name of a column: it may be a label
MOST_CLASSES = 4  # a column of more is no label but a name; and there would be too many pairs
FEWEST = 5  # patients of each class: with fewer nothing can be told
OWN = ("label", "true_label")


@dataclass(frozen=True, eq=False)
class Question:
    """Can something tell `positive` from `negative`, two classes of `column`?

    `rows` are the positions of the images of the two classes, `labels` 1 where an image is of the
    positive class, else 0 (int64, as long as `rows`).
    """

    column: str
    positive: str
    negative: str
    rows: np.ndarray
    labels: np.ndarray

    @property
    def words(self) -> str:
        """Return the question's two classes and its column, for a sentence."""
        return f"{self.positive} from {self.negative} ({self.column})"


def label_questions(
    frame: pd.DataFrame, settings: Mapping[str, Any], columns: Iterable[str] = ()
) -> tuple[list[Question], list[str]]:
    """Return the questions that a manifest's frame allows, and why others cannot be asked.

    `settings` may name the classes of `label` (`positive_class`, `negative_class`); `columns` are
    asked about whatever they are called. A column that says the same as one before it is left out.
    Raises `UserError` for a column that is not there.
    """
    named = [one_of(name, list(frame), "column") for name in columns]
    further = [c for c in frame if c not in OWN and any(w in c.lower() for w in WORDS)]
    questions: list[Question] = []
    reasons: list[str] = []
    for column in dict.fromkeys([*(c for c in OWN if c in frame), *named, *further]):
        classes = _classes(frame[column], column, settings)
        found = [_question(frame, column, classes, pair) for pair in _pairs(classes, settings)]
        new = [q for q in found if not any(_same(q, other) for other in questions)]
        enough = [q for q in new if _fewest(frame, q) >= FEWEST]
        questions += enough
        if not enough and (column == "label" or column in named):
            reasons.append(_reason(column, classes, bool(found) and not new))
    return questions, reasons


def _classes(values: pd.Series, column: str, settings: Mapping[str, Any]) -> pd.Series:
    """Return the class of each image as text, "" where it has none."""
    if column in OWN:
        names = {1: settings.get("positive_class", "1"), 0: settings.get("negative_class", "0")}
        return values.map(lambda value: "" if pd.isna(value) else names[int(value)]).astype(object)
    return values.map(lambda value: "" if pd.isna(value) else str(value)).astype(object)


def _pairs(classes: pd.Series, settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return pairs (positive, negative) of classes, the manifest's own pair first."""
    names = [name for name in classes.value_counts().index if name]
    if not 2 <= len(names) <= MOST_CLASSES:
        return []
    own = (settings.get("positive_class", "1"), settings.get("negative_class", "0"))
    pairs = [own if set(own) == {a, b} else (b, a) for a, b in combinations(names, 2)]
    return sorted(pairs, key=lambda pair: pair != own)


def _question(frame, column: str, classes: pd.Series, pair: tuple[str, str]) -> Question:
    rows = np.flatnonzero(classes.isin(pair).to_numpy())
    labels = (classes.to_numpy()[rows] == pair[0]).astype(np.int64)
    return Question(column, *pair, rows, labels)


def _same(one: Question, other: Question) -> bool:
    return np.array_equal(one.rows, other.rows) and np.array_equal(one.labels, other.labels)


def _fewest(frame: pd.DataFrame, question: Question) -> int:
    """Return how many patients the rarer class has."""
    patients = frame["patient"].to_numpy()[question.rows]
    return min(len(set(patients[question.labels == value])) for value in (0, 1))


def _reason(column: str, classes: pd.Series, repeats: bool) -> str:
    number = len(set(classes) - {""})
    if repeats:
        return f"{column} says the same as a column before it"
    if number == 0:
        return f"no image has a {column}"
    if number == 1:
        return f"all of {column} is one class"
    if number > MOST_CLASSES:
        return f"{column} has {number} classes, more than {MOST_CLASSES}"
    return f"a class of {column} has fewer than {FEWEST} patients"
