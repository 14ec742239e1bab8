"""Audits of the protocol: each error of the sources planted, and how far it moves the figures.

`plan` turns a notebook's parameters into an `AuditsPlan`, `run` turns that into an `AuditsOutcome`,
and `AuditsOutcome.write` puts it where the results contract says. What the errors are stands in
`claims.audits_readings`; some of them are read from the results of Tables 1 to 4,
one beside a pretraining of this page (`audits_pretraining`).
"""

import time
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from testiculus.base.files import write_csv, write_json
from testiculus.base.places import runs_folder
from testiculus.base.store import Store
from testiculus.claims import Conditions
from testiculus.claims.audits import effects_frame, judge_audits
from testiculus.claims.audits_schema import ONE_DRAW_UD
from testiculus.data.images import ImageSet
from testiculus.experiments.audits_others import other_results, passed_over
from testiculus.experiments.audits_plan import EXPERIMENT, AuditsPlan
from testiculus.experiments.audits_plan import plan as plan
from testiculus.experiments.audits_pretraining import OneDrawRows, one_draw_rows
from testiculus.experiments.audits_scores import (
    epoch_frame,
    flag_frame,
    flag_results,
    prediction_frame,
    result_frame,
)
from testiculus.experiments.cost import cost
from testiculus.experiments.crossval import finish_rows
from testiculus.experiments.table1 import SHARED_SETTINGS

__all__ = ["AuditsOutcome", "AuditsPlan", "plan", "run"]

FRAMES = ("results", "verdicts", "effects", "epochs", "flags", "predictions")
DIGITS = 6  # of a probability as it is written


@dataclass(frozen=True, eq=False)
class AuditsOutcome:
    """All that the page is made of.

    `results` is tidy (experiment, row, seed, fold, metric, value), `effects` has one line per audit
    and reading, both in the words of `claims.audits_schema`; `epochs` the scores after every epoch
    of the article's protocol; `flags` one line per flagged row and image; `predictions` one line
    per run and predicted image. `others` says of each other table where its results were found, and
    of the row beside Table 2's own what was done.
    """

    plan: AuditsPlan
    results: pd.DataFrame
    verdicts: pd.DataFrame
    effects: pd.DataFrame
    epochs: pd.DataFrame
    flags: pd.DataFrame
    predictions: pd.DataFrame
    others: dict[str, str]
    cost: dict[str, float]

    @property
    def images(self) -> ImageSet:
        """The labelled images that models were trained and tested on."""
        return self.plan.images

    @property
    def conditions(self) -> Conditions:
        """What the verdicts were reached on."""
        return self.plan.conditions

    def write(self, results: str | Path) -> Path | None:
        """Write the tables under `results`/<data>/<profile>/audits and return that folder.

        An empty `results` writes nothing: that is what a notebook run by hand does.
        """
        if not str(results):
            return None
        folder = Path(results) / self.images.name / self.plan.profile / EXPERIMENT
        rounded = self.predictions.round({"probability": DIGITS})
        for name in FRAMES:
            frame = rounded if name == "predictions" else getattr(self, name)
            write_csv(folder / f"{name}.csv", frame)
        write_json(folder / "provenance.json", self.about())
        return folder

    def about(self) -> dict:
        """Return settings, data and cost as plain values, for provenance; see Table 1's."""
        told = self.images.settings
        fresh = self.plan.fresh
        return {
            "settings": self.plan.settings(),
            "not_run": self.plan.not_run,
            "cannot_be_tested": self.plan.untestable,
            "other_tables": self.others,
            "data": self.images.name,
            "data_fingerprint": self.images.fingerprint,
            "fresh_fingerprint": None if fresh is None else fresh.fingerprint,
            "data_settings": {name: told[name] for name in SHARED_SETTINGS if name in told},
            "cost": self.cost,
        }


def run(planned: AuditsPlan, executor: Executor | None = None) -> AuditsOutcome:
    """Train every variant, score and compare them; finished runs are taken from the store."""
    start, store = time.perf_counter(), Store(runs_folder())
    rows = {row: finish_rows(store, jobs, row, executor) for row, jobs in planned.jobs.items()}
    more = {
        row: finish_rows(store, jobs, f"{row}, other starts", executor)
        for row, jobs in planned.flag_jobs.items()
    }
    flagged = {row: [*rows[row], *runs] for row, runs in more.items()}
    flags = flag_frame(flagged, planned.variants, planned.images, planned.rule)
    trained = [done for runs in rows.values() for done in runs]
    told = (planned.variants, planned.images, planned.fresh)
    results = [result_frame(trained, *told, planned.protocol.batch_size), flag_results(flags)]
    results, predictions = pd.concat(results, ignore_index=True), prediction_frame(trained, *told)
    others, places = other_results(planned.images, planned.profile)
    one_draw = one_draw_rows(planned.one_draw, executor)
    not_run = planned.conditions.not_run | passed_over(places) | one_draw.not_run
    conditions = replace(planned.conditions, not_run=not_run)
    others, places = _beside(others, places, one_draw)
    effects = effects_frame(results, predictions, others, conditions, flags)
    ours = one_draw.results.assign(experiment=EXPERIMENT)
    everything = [*trained, *(done for runs in more.values() for done in runs), *one_draw.runs]
    return AuditsOutcome(
        plan=planned,
        results=pd.concat([results, ours], ignore_index=True) if len(ours) else results,
        verdicts=judge_audits(effects, conditions),
        effects=effects,
        epochs=epoch_frame(trained, *told),
        flags=flags,
        predictions=predictions,
        others=places,
        cost=cost(everything, time.perf_counter() - start),
    )


def _beside(
    others: dict[str, pd.DataFrame], places: dict[str, str], one_draw: OneDrawRows
) -> tuple[dict[str, pd.DataFrame], dict[str, str]]:
    """Return the other tables' results and where they are from, with the row beside Table 2's."""
    places = places | {f"table2: {ONE_DRAW_UD}": one_draw.told}
    if one_draw.results.empty or "table2" not in others:
        return others, places
    rows = pd.concat([others["table2"], one_draw.results], ignore_index=True)
    return others | {"table2": rows}, places
