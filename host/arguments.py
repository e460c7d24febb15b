"""What callers hand to the driver, checked before anything runs."""

from operator import index

import numpy as np

from ..golden.descriptor import FIELDS
from ..golden.errors import UserError

MAX_STEPS = next((1 << field.width) - 1 for field in FIELDS if field.name == "n_steps")


def as_whole(name: str, value, low: int, high: "int | None" = None) -> int:
    """A whole number from ``low`` on."""
    span = f"{low} to {high}" if high is not None else f"at least {low}"
    try:
        whole = index(value)
    except TypeError:
        raise UserError(f"{name} = {value!r}, must be a whole number, {span}") from None
    if whole < low or (high is not None and whole > high):
        raise UserError(f"{name} = {value}, must be {span}")
    return whole


def as_n_steps(value) -> int:
    return as_whole("n_steps", value, 1, MAX_STEPS)


def as_spikes(spikes, fan_in: int):
    """Spikes of 0 and 1 in any type, as bool [n_samples, n_steps, fan_in]."""
    spikes = _as_array("spikes", spikes)
    if spikes.ndim != 3 or spikes.shape[2] != fan_in:
        raise UserError(f"spikes have shape {list(spikes.shape)}, the network takes [n_samples, n_steps, {fan_in}]")
    if spikes.size == 0:
        raise UserError(f"spikes have shape {list(spikes.shape)}: there is nothing to run")
    if spikes.dtype != bool and not ((spikes == 0) | (spikes == 1)).all():
        raise UserError(f"spikes of type {spikes.dtype} hold other values than 0 and 1: a firing rate goes to run_rates")
    return spikes.astype(bool, copy=False)


def as_rates(rows, fan_in: int):
    """Firing rates of a few samples, as float [n, fan_in]; the encoder checks their range."""
    rates = _as_array("rates", rows)
    if rates.shape != (len(rows), fan_in):
        raise UserError(f"rates have shape {list(rates.shape)}, the network takes [n_samples, {fan_in}]")
    return rates


def as_layers(layers, n_layers: int) -> list:
    """Indices of layers."""
    try:
        layers = [index(i) for i in layers]
    except TypeError:
        raise UserError(f"layers = {layers!r}, must be a list of whole numbers, 0 to {n_layers - 1}") from None
    if not all(0 <= i < n_layers for i in layers):
        raise UserError(f"layers = {layers}: the network has layers 0 to {n_layers - 1}")
    return layers


def _as_array(name, values):
    try:
        array = np.asarray(values)
    except ValueError:
        raise UserError(f"{name} are no array: their rows differ in length") from None
    if array.dtype.kind not in "biuf":
        raise UserError(f"{name} are of type {array.dtype}, must be numbers")
    return array
