"""The card of the pretrained encoders: what each was trained on, how, and what it came to know.

`encoder_card_pieces` returns the generated parts of the book's page, from the results of the tables
that pretrain: their `encoders.csv`, `history.csv`, `results.csv` and provenance.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from testiculus.execute.found import EXPECTED, Result, page_name
from testiculus.execute.markdown import escaped, table
from testiculus.execute.profile_tabs import ORDER, of_profiles
from testiculus.execute.table_pages import command, title

if TYPE_CHECKING:
    import pandas as pd

TABLES = ("table2", "table4", "table3")  # that pretrain encoders for their rows
SETS = ("phantom", "liver")
HEAD = ("row", "seed", "images", "losses", "last", "probe AUC", "key")
KEY = 8  # characters of a key that are shown; `make encoders` takes as many
LAST = 20  # steps whose mean loss is told: that of one batch says little
# What holds of all encoders of a run: words -> entry of its settings.
SETTINGS = {
    "images": ("pixels", "{} px, one channel"),
    "pretraining": ("pretraining", "{}"),
    "temperature of the contrastive loss": ("temperature", "{}"),
    "optimiser": ("LARS", "LARS: {}"),
    "precision": ("precision", "{}"),
}


def encoder_card_pieces(found: Sequence[Result]) -> dict[str, str]:
    """Return the parts that the page includes, by their names below `book/generated/`."""
    return {f"include/encoders_{data}.md": encoders_of(data, found) for data in SETS}


def encoders_of(data: str, found: Sequence[Result]) -> str:
    """Return the encoders of a data set, table by table, each of the best profile that ran."""
    parts = []
    for name in TABLES:
        runs = [r for r in of_profiles(found, name, data) if (r.folder / "encoders.csv").is_file()]
        if runs:
            parts.append(_of_run(runs[0]))
        elif any(what[:2] == (name, data) for what in EXPECTED):
            what = (name, data, ORDER[-1])
            parts.append(f"**{title(*what)}.** Not run here: `{command(*what)}`.\n")
    return "\n".join(parts) or "Nothing was pretrained on this set here.\n"


def _of_run(run: Result) -> str:
    import pandas as pd

    encoders = pd.read_csv(run.folder / "encoders.csv")
    losses, scores = _losses(run), _scores(run)
    rows = [_row(encoder, losses, scores) for encoder in encoders.to_dict("records")]
    link = f"[{title(run.experiment, run.data, run.profile)}](/book/generated/{_place(run)})"
    stale = " **These results are stale.**" if run.is_stale else ""
    facts = _facts(run, encoders)
    lines = [f"**{link}.** {facts}{stale}", "", table(HEAD, rows, right=(1, 5))]
    return "\n".join(lines)


def _place(run: Result) -> str:
    name = page_name(run.experiment, run.data, run.profile)
    return ("" if (run.experiment, run.data, run.profile) in EXPECTED else "runs/") + name


def _facts(run: Result, encoders: "pd.DataFrame") -> str:
    settings, record = run.provenance.get("settings", {}), run.provenance
    told = [
        f"{words}: {form.format(escaped(settings[key]))}"
        for words, (key, form) in SETTINGS.items()
        if key in settings
    ]
    each = encoders.drop_duplicates("key")["seconds"]
    told.append(f"{each.mean() / 60:.1f} minutes each on {escaped(record.get('device', '?'))}")
    licences = {str(record.get("licence") or "not stated")}
    for about in record.get("unlabelled_sets", {}).values():
        licences.add(str(about.get("licence") or "not stated"))
    told.append(f"licence of the images, and so of the weights: {', '.join(sorted(licences))}")
    text = "; ".join(told)
    return f"{text[0].upper()}{text[1:]}."


def _losses(run: Result) -> "pd.DataFrame":
    """Return the mean of each loss over the last steps, by row and pretraining seed."""
    import pandas as pd

    if not (run.folder / "history.csv").is_file():
        return pd.DataFrame(columns=["contrastive", "organ"])
    history = pd.read_csv(run.folder / "history.csv")
    last = history[history["step"] > history["step"].max() - LAST]
    return last.groupby(["row", "pretraining_seed"])[["contrastive", "organ"]].mean()


def _scores(run: Result) -> "pd.DataFrame":
    """Return mean, spread and number of the probe's AUC over partitions, by row, seed and fold.

    The fold is -1 for an encoder of all folds, of which each partition's mean over folds counts.
    """
    import pandas as pd

    file = run.folder / "probes.csv"
    if not file.is_file():
        return pd.DataFrame(columns=["mean", "std", "count"])
    probes = pd.read_csv(file)
    aucs = probes[probes["metric"] == "probe_auc"]
    names = ["row", "pretraining_seed", "fold"]
    whole = aucs.groupby([*names[:2], "seed"], as_index=False)["value"].mean().assign(fold=-1)
    both = pd.concat([whole, aucs[[*names, "value"]]])
    return both.groupby(names)["value"].agg(["mean", "std", "count"])


def _row(encoder: dict, losses: "pd.DataFrame", scores: "pd.DataFrame") -> list[str]:
    where = (encoder["row"], encoder["pretraining_seed"])
    place = (*where, encoder["fold"])
    parts = ["contrastive"] if encoder["contrastive"] else []
    parts += [f"organ × {encoder['organ_loss']:g}"] if encoder["organ_loss"] else []
    fold = f", without fold {encoder['fold']}" if encoder["fold"] >= 0 else ""
    means = losses.loc[where] if where in losses.index and not fold else {}
    return [
        escaped(encoder["row"]) + fold,
        str(encoder["pretraining_seed"]),
        f"{encoder['images']:,} {escaped(encoder['organs'])}",
        " + ".join(parts),
        ", ".join(filter(None, (_figure(means.get(name)) for name in ("contrastive", "organ")))),
        _score(scores.loc[place]) if place in scores.index else "",
        encoder["key"][:KEY],
    ]


def _figure(value: float | None) -> str:
    return "" if value is None or value != value else f"{value:.3f}"


def _score(found: "pd.Series") -> str:
    spread = f" ± {100 * found['std']:.1f}" if found["count"] > 1 else ""
    return f"{100 * found['mean']:.1f}{spread} ({found['count']:.0f})"
