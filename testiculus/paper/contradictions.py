"""Where the sources contradict each other, each with its place and what is done about it here."""

from importlib.resources import files

DOCUMENTS = ("article", "thesis", "slides", "released code")


def contradictions() -> list[dict]:
    """Return the 37 points on which the sources differ, in order of their number.

    Each is a dict: number (int), title, what (the difference), sources (a list of dicts document,
    place, says), reading (the charitable one), companion (what this project does and how to select
    the alternative), state ("here", or "planned" where the companion's part is not in this version
    yet). All texts are plain text.

    >>> contradictions()[24]["title"]
    'What an occasion is'
    """
    import yaml

    path = files(__package__) / "data" / "contradictions.yaml"
    return yaml.safe_load(path.read_text(encoding="utf-8"))
