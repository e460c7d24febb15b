"""Finding networks."""

import pytest

from lifarray.host.networks import DEFAULT, load_network, shipped_networks


def test_a_file_goes_before_a_shipped_network_of_that_name(network, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shipped = load_network(DEFAULT)
    assert DEFAULT in shipped_networks()
    assert load_network().sizes == shipped.sizes != network.sizes
    network.save(tmp_path / DEFAULT)
    assert load_network(DEFAULT).sizes == network.sizes


def test_a_folder_of_that_name_does_not_hide_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / DEFAULT).mkdir()
    assert load_network(DEFAULT).layers


@pytest.mark.parametrize("name", shipped_networks())
def test_shipped_networks_are_whole(name):
    assert load_network(name).meta["recipe"]
