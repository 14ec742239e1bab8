import ast

from testiculus.base.code import code_fingerprint, imported_modules, normalised


def test_comments_docstrings_and_layout_change_nothing():
    plain = "def f(x):\n    return x + 1\n"
    dressed = (
        '"""Module."""\ndef f(x):  # adds\n    """Add one."""\n\n    return (x\n        + 1)\n'
    )
    assert normalised(plain) == normalised(dressed)


def test_a_changed_line_changes_the_code():
    assert normalised("x = 1") != normalised("x = 2")


def test_imports_inside_functions_and_from_packages_are_found():
    found = imported_modules("testiculus.base.store")
    assert {"testiculus.base.code", "testiculus.base.errors", "testiculus.base.files"} <= found


def test_the_fingerprint_is_a_sha256_and_differs_between_modules():
    a, b = code_fingerprint("testiculus.base.errors"), code_fingerprint("testiculus.base.files")
    assert len(a) == len(b) == 64 and a != b


def test_a_docstring_only_body_still_parses_to_something():
    assert ast.dump(ast.parse("def f(): pass")) == normalised('def f():\n    "only this"')


def test_imports_for_type_checkers_alone_do_not_count(monkeypatch):
    source = "if TYPE_CHECKING:\n    import testiculus.base.store\nimport testiculus.base.errors\n"
    monkeypatch.setattr("testiculus.base.code._source", lambda module: source)
    assert imported_modules("testiculus.base.files") == {"testiculus.base.errors"}
