"""The digest of the core's code changes with the code, and with nothing else."""

from lifarray.sim.sources import code_of


def test_comments_do_not_count():
    code = 'def f(a):\n    return a + 1\n'
    assert code_of('"""What."""\n\n' + code.replace("):", "):  # why\n    # how\n    \"\"\"Doc.\n\n    More.\"\"\"")) == code_of(code)
    assert code_of('LIMIT = 3\n"""Of what."""\n') == code_of("LIMIT = 3\n")


def test_code_counts():
    assert code_of('a = "# no comment"\n') == 'a = "# no comment"'
    assert code_of("a = 1\n") != code_of("a = 2\n")
