"""Quantities as a person reads them: durations, memory, numbers of trainings."""

from collections.abc import Mapping
from typing import Any


def duration(seconds: float) -> str:
    """Return a duration in words.

    >>> duration(7.4), duration(90), duration(3 * 3600 + 125)
    ('7 s', '1 min 30 s', '3 h 2 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def gibibytes(count: float) -> str:
    """Return a number of bytes in GiB.

    >>> gibibytes(1.5 * 2**30)
    '1.5 GiB'
    """
    return f"{count / 2**30:.1f} GiB"


def trainings(cost: Mapping[str, float]) -> list[str]:
    """Return what a run says of its trainings, as a list of phrases; empty where it says nothing.

    >>> trainings({"runs": 36, "reused_runs": 12, "training_seconds": 600})
    ['36 trainings (12 of them from earlier runs; 10 min 0 s of training in all)']
    """
    if not cost.get("runs"):
        return []
    more = []
    if cost.get("reused_runs"):
        more.append(f"{cost['reused_runs']:.0f} of them from earlier runs")
    if cost.get("training_seconds"):
        more.append(f"{duration(cost['training_seconds'])} of training in all")
    return [f"{cost['runs']:.0f} trainings" + (f" ({'; '.join(more)})" if more else "")]


def price(record: Mapping[str, Any]) -> str:
    """Return what the run of a provenance cost: time, memory, trainings.

    >>> price({"wall_seconds": 90.0, "peak_memory_bytes": 2**30, "cost": {"runs": 3}})
    '1 min 30 s, 1.0 GiB of memory, 3 trainings'
    """
    parts = [duration(record.get("wall_seconds", 0))]
    if record.get("peak_memory_bytes"):
        parts.append(f"{gibibytes(record['peak_memory_bytes'])} of memory")
    return ", ".join([*parts, *trainings(record.get("cost", {}))])
