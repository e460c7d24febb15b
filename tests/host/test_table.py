"""Plain-text tables."""

from lifarray.host.table import print_table


def test_numbers_stand_right_and_text_left(capsys):
    print_table(["name", "n", "x"], [["a", 1234, 0.5], ["long name", None, 2.0]])
    assert capsys.readouterr().out == "name           n      x\na          1,234  0.500\nlong name      -  2.000\n"


def test_no_rows(capsys):
    print_table(["a", "b"], [])
    assert capsys.readouterr().out == "a  b\n"
