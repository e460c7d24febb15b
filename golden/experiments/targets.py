"""The paper's table and figures: which tasks each takes, and what it shows of their results."""

from dataclasses import dataclass

from .. import datasets
from . import settings as s
from .figures import Figure, Images, Panel, Series, cell, spread
from .images import N_SHOWN, pixels
from .tasks import load_result

# Table 1 of the paper: SNN, ANN with SGD, ANN with Adam.
PAPER = {
    "mnist": (0.357, 0.226, 0.122),
    "fashion-512": (0.178, 0.416, 0.300),
    "fashion-1024": (0.140, 0.418, 0.387),
    "audio-A": (0.254, 0.408, 0.144),
    "audio-B": (0.543, 0.611, 0.556),
}
HEADINGS = ["network", "paper", "float", "int8", "int4"]
FASHION_NOTE = (
    "Where Fashion-MNIST came from a folder whose images stand in another order than the published ones, its split into training"
    " and test images is not the canonical one (the loader warns)."
)
FSDD_NOTE = "Speech is the Free Spoken Digit Dataset, not the licensed TI-46 of the paper: figures of the two cannot be compared closely."


class Results:
    """Results of tasks, as far as they are there."""

    def __init__(self, folder, data_dir):
        self.folder = folder
        self.data_dir = data_dir

    def one(self, task):
        """The `Result` of a task, or None."""
        return load_result(task, self.folder) if task.is_done(self.folder) else None

    def figures(self, task):
        found = self.one(task)
        return found and found.figures

    def spread(self, tasks, *path):
        """Spread over the tasks that are done of the figure at ``path``, such as ("float", "mse")."""
        values = []
        for task in tasks:
            value = self.figures(task)
            for name in path:
                value = value and value.get(name)
            values.append(value)
        return spread(values)

    def tuned(self, tasks):
        """The task with the lowest MSE on validation data, or None: how each ANN's learning rate is chosen."""
        done = [task for task in tasks if task.is_done(self.folder)]

        def validation(task):
            found = self.figures(task)["validation"]
            mse = found["mse"] if isinstance(found, dict) else found
            return float("inf") if mse is None else mse

        return min(done, key=validation, default=None)

    def curve(self, task, label, y="mse"):
        found = self.figures(task) if task else None
        if not found:
            return []
        points = [p for p in found["curve"] if p.get(y) is not None]
        return [Series(label, [p["epoch"] for p in points], [p[y] for p in points])]

    def snn_row(self, label, tasks, paper="", int4=None):
        """A row of a table: float, int8, int4; ``int4``: other tasks, trained for 4 bits."""
        found = [self.spread(tasks, name, "mse") for name in ("float", "int8")]
        return [label, paper, *(cell(f) for f in found), cell(self.spread(int4 or tasks, "int4", "mse"))]

    def ann_row(self, label, tasks, paper=""):
        best = self.tuned(tasks)
        if best is None:
            return [label, paper, "not run", "", ""]
        rate = best.parameters["learning_rate"]
        return [f"{label}, learning rate {rate:g}", paper, cell(self.spread([best], "mse")), "", ""]


@dataclass(frozen=True)
class Target:
    """``tasks(fast, data_dir)``: list of Task. ``show(results, fast)``: Figure."""

    title: str
    tasks: object
    show: object


# ---- MNIST ---------------------------------------------------------------------------------------


def _mnist_tasks(fast):
    best_seeds = (s.SHIPPED_SEED, *s.SEEDS[: 0 if fast else 2])
    return {
        # On all images, as the paper trains: it chose no settings on any.
        "reset": s.snn_seeds(s.PAPER_RESET, fast, refit=True),
        "separable": s.snn_seeds(s.PAPER_SEPARABLE, fast, refit=True),
        "start": [s.snn(s.START, fast, seed=s.SHIPPED_SEED)],
        "best": [s.snn(s.BEST_15, fast, seed=seed) for seed in best_seeds],
        "int4": [s.snn(s.BEST_15_INT4, fast, seed=seed, weight_bits=4, frac_bits=3, vmem_bits=12) for seed in best_seeds],
        "best60": [s.snn(s.BEST_60, fast, seed=seed, n_steps=60) for seed in best_seeds],
        "sgd": s.ann_rates("sgd", fast),
        "adam": s.ann_rates("adam", fast),
        "sgd25": s.ann_rates("sgd", fast, epochs=25, falling=True),
        "adam25": s.ann_rates("adam", fast, epochs=25, falling=True),
        "pca": [s.pca(fast)],
    }


def _mnist_rows(r, fast):
    t = _mnist_tasks(fast)
    snn, sgd, adam = PAPER["mnist"]
    pca = r.spread(t["pca"], "mse")
    return [
        r.snn_row("MNIST, SNN, the paper's rule, trace reset by spikes, 1 epoch", t["reset"], snn),
        r.snn_row("MNIST, SNN, the paper's rule, separable trace, 1 epoch", t["separable"], snn),
        r.snn_row("MNIST, SNN, separable trace, moments over all batches, falling rate, 1 epoch", t["start"]),
        r.snn_row("MNIST, SNN, best recipe, T = 15, 25 epochs (int4: 12 more at 4 bits)", t["best"], "", t["int4"]),
        r.snn_row("MNIST, SNN, best recipe, T = 60", t["best60"]),
        r.ann_row("MNIST, ANN, SGD, 1 epoch", t["sgd"], sgd),
        r.ann_row("MNIST, ANN, Adam, 1 epoch", t["adam"], adam),
        r.ann_row("MNIST, ANN, SGD, 25 epochs", t["sgd25"]),
        r.ann_row("MNIST, ANN, Adam, 25 epochs", t["adam25"]),
        ["MNIST, PCA, 196 components", "", cell(pca), "", ""],
    ]


def _flat(tasks):
    return [task for group in tasks.values() for task in group]


ALPHAS = (0.0, 0.01, 0.1, 0.2, 0.4)


def _leak_tasks(fast):
    return {alpha: s.snn(s.PAPER_SEPARABLE, fast, decay=s.alpha_to_decay(alpha)) for alpha in ALPHAS}


def _show_leak(r, fast):
    tasks = _leak_tasks(fast)
    training = [series for alpha, task in tasks.items() for series in r.curve(task, f"α = {alpha:g}", "spike_mse")]
    bars, rows = [], []
    for label, path in (
        ("train, spikes", ("train", "spike_mse")),
        ("test, spikes", ("float", "spike_mse")),
        ("train, pixels", ("train", "mse")),
        ("test, pixels", ("float", "mse")),
    ):
        found = {alpha: r.spread([task], *path) for alpha, task in tasks.items()}
        bars.append(Series(label, [f"{a:g}" for a, f in found.items() if f], [f["mean"] for f in found.values() if f]))
    for alpha, task in tasks.items():
        cells = [cell(r.spread([task], *path)) for path in (("float", "spike_mse"), ("float", "mse"), ("train", "spike_mse"), ("train", "mse"))]
        rows.append([f"{alpha:g}", *cells])
    panels = [
        Panel("A: while training", "epoch", "Spike-MSE", training),
        Panel("B: after training", "leak coefficient α", "MSE", bars, style="bars"),
    ]
    return Figure(panels, ["α", "test, spikes", "test, pixels", "train, spikes", "train, pixels"], rows)


STEPS = (5, 15, 30, 60)


def _mask_tasks(fast):
    return {"mask": s.snn(s.PAPER_SEPARABLE, fast), "none": s.snn(s.NO_MASK, fast)}


def _steps_tasks(fast):
    return {n: s.snn(s.PAPER_SEPARABLE, fast, n_steps=n) for n in STEPS}


def _show_mask(r, fast):
    mask, steps = _mask_tasks(fast), _steps_tasks(fast)
    panels = [
        Panel("A: mask", "epoch", "MSE", [*r.curve(mask["mask"], "with mask"), *r.curve(mask["none"], "without mask")]),
        Panel("B: duration of the input", "epoch", "MSE", [c for n, task in steps.items() for c in r.curve(task, f"T = {n}")]),
    ]
    rows = [["without mask, T = 15", cell(r.spread([mask["none"]], "float", "mse"))]]
    rows += [[f"with mask, T = {n}", cell(r.spread([task], "float", "mse"))] for n, task in steps.items()]
    return Figure(panels, ["network", "test MSE, float"], rows)


def _show_anns(r, fast):
    t = _mnist_tasks(fast)
    curves = [*r.curve(t["separable"][0], "SNN, separable trace"), *r.curve(t["reset"][0], "SNN, trace reset by spikes")]
    for name, label in (("sgd", "ANN, SGD"), ("adam", "ANN, Adam")):
        curves += r.curve(r.tuned(t[name]), label)
    shown = [("image", pixels("mnist", "test", r.data_dir)[:N_SHOWN])]
    for name, label in (("separable", "SNN, 1 epoch"), ("best", "SNN, best"), ("adam", "ANN, Adam")):
        task = r.tuned(t[name]) if name == "adam" else t[name][0]
        found = task and r.one(task)
        if found:
            shown.append((label, found.shown))
    panels = [Panel("A: while training", "epoch", "MSE", curves), Images("B: regenerated test images", shown)]
    return Figure(panels, HEADINGS, _mnist_rows(r, fast), ["The learning rate of each ANN is the best of four on validation images."])


# ---- Fashion-MNIST -------------------------------------------------------------------------------

FASHION = dict(dataset="fashion-mnist")


def _fashion_tasks(fast):
    tasks = {}
    for hidden in (512, 1024):
        tasks["paper", hidden] = [s.snn(s.PAPER_SEPARABLE, fast, n_steps=60, hidden=hidden, **FASHION)]
        tasks["best", hidden] = [s.snn(s.BEST_FASHION[hidden], fast, n_steps=60, hidden=hidden, **FASHION)]
        for optimizer in ("sgd", "adam"):
            tasks[optimizer, hidden] = s.ann_rates(optimizer, fast, hidden=hidden, **FASHION)
        tasks["pca", hidden] = [s.pca(fast, "fashion-mnist", hidden)]
    return tasks


def _fashion_rows(r, fast):
    t = _fashion_tasks(fast)
    rows = []
    for hidden in (512, 1024):
        snn, sgd, adam = PAPER[f"fashion-{hidden}"]
        name = f"Fashion-MNIST, {hidden} hidden"
        rows += [
            r.snn_row(f"{name}, SNN, the paper's rule, separable trace, T = 60, 1 epoch", t["paper", hidden], snn),
            r.snn_row(f"{name}, SNN, best recipe, T = 60", t["best", hidden]),
            r.ann_row(f"{name}, ANN, SGD, 1 epoch", t["sgd", hidden], sgd),
            r.ann_row(f"{name}, ANN, Adam, 1 epoch", t["adam", hidden], adam),
        ]
        if hidden < 784:
            rows.append([f"{name}, PCA", "", cell(r.spread(t["pca", hidden], "mse")), "", ""])
    return rows


def _show_fashion(r, fast):
    t = _fashion_tasks(fast)
    curves, shown = [], [("image", pixels("fashion-mnist", "test", r.data_dir)[:N_SHOWN])]
    for hidden in (512, 1024):
        curves += r.curve(t["paper", hidden][0], f"SNN, {hidden}")
        for optimizer, name in (("sgd", "SGD"), ("adam", "Adam")):
            curves += r.curve(r.tuned(t[optimizer, hidden]), f"ANN, {name}, {hidden}")
        for kind in ("paper", "best"):
            found = r.one(t[kind, hidden][0])
            if found:
                shown.append((f"SNN, {hidden}, {kind}", found.shown))
    panels = [Panel("A: while training", "epoch", "MSE", curves), Images("B: regenerated test images", shown)]
    return Figure(panels, HEADINGS, _fashion_rows(r, fast), [FASHION_NOTE])


# ---- what is varied ------------------------------------------------------------------------------

HIDDEN = (64, 196, 400)


def _size_tasks(fast):
    sizes = {hidden: s.snn(s.PAPER_SEPARABLE, fast, hidden=hidden) for hidden in HIDDEN}
    rates = dict(zip(s.ANN_RATES["adam"], s.ann_rates("adam", fast, hidden=1024, **FASHION)))
    steps = {n: s.snn(s.PAPER_SEPARABLE, fast, n_steps=n, hidden=1024, **FASHION) for n in (15, 30, 60)}
    return sizes, rates, steps


def _show_sizes(r, fast):
    sizes, rates, steps = _size_tasks(fast)
    baseline = r.tuned(list(rates.values()))
    panels = [
        Panel("A: hidden neurons, MNIST", "epoch", "MSE", [c for h, task in sizes.items() for c in r.curve(task, f"{h} hidden")]),
        Panel(
            "B: learning rate of the ANN, Fashion-MNIST", "epoch", "MSE",
            [*r.curve(steps[60], "SNN, T = 60"), *(c for rate, task in rates.items() for c in r.curve(task, f"ANN, {rate:g}"))],
        ),  # fmt: skip
        Panel(
            "C: duration of the input, Fashion-MNIST", "epoch", "MSE",
            [*r.curve(baseline, "ANN, Adam"), *(c for n, task in steps.items() for c in r.curve(task, f"SNN, T = {n}"))],
        ),  # fmt: skip
    ]
    rows = [[f"MNIST, SNN, {h} hidden, T = 15", cell(r.spread([task], "float", "mse"))] for h, task in sizes.items()]
    rows += [[f"Fashion-MNIST, ANN, 1,024 hidden, Adam, {rate:g}", cell(r.spread([task], "mse"))] for rate, task in rates.items()]
    rows += [[f"Fashion-MNIST, SNN, 1,024 hidden, T = {n}", cell(r.spread([task], "float", "mse"))] for n, task in steps.items()]
    return Figure(panels, ["network", "test MSE, float"], rows, [FASHION_NOTE])


# ---- audio to image ------------------------------------------------------------------------------


def _audio_tasks(fast):
    tasks = {}
    for pairing in "AB":
        th = 15 if pairing == "A" else 10
        tasks["paper", pairing] = [s.audiocoder(s.AUDIO_PAPER, pairing, fast, hidden_state_steps=th)]
        # Of dataset B the best epoch is an early one: later it learns each utterance's own image by heart.
        whole = dict(refit=True) if pairing == "A" else {}
        tasks["best", pairing] = [s.audiocoder(s.AUDIO_BEST, pairing, fast, hidden_state_steps=th, **whole)]
        for optimizer in ("sgd", "adam"):
            tasks[optimizer, pairing] = s.ann_audiocoder_rates(optimizer, pairing, fast)
    tasks["augmented", "A"] = [s.augmented(fast, refit=True)]
    tasks["nearest", "B"] = [s.audiocoder(s.AUDIO_BEST, "B", fast, hidden_state_steps=10, nearest_image=True)]
    return tasks


AUDIO_VARIANTS = {
    "A": ("augmented", "augmented"),
    "B": ("nearest", "towards the nearest image of its digit"),
}


def _audio_rows(r, fast):
    t = _audio_tasks(fast)
    rows = []
    for pairing in "AB":
        snn, sgd, adam = PAPER[f"audio-{pairing}"]
        name = f"audio to image, {pairing}"
        kind, variant = AUDIO_VARIANTS[pairing]
        whole = ", validation recordings trained on too" if pairing == "A" else ""
        rows += [
            r.snn_row(f"{name}, SNN, the paper's rule, separable trace", t["paper", pairing], snn),
            r.snn_row(f"{name}, SNN, through the decoder by BPTT{whole}", t["best", pairing]),
            r.snn_row(f"{name}, the same, {variant}", t[kind, pairing]),
            r.ann_row(f"{name}, ANN, SGD", t["sgd", pairing], sgd),
            r.ann_row(f"{name}, ANN, Adam", t["adam", pairing], adam),
        ]
    return rows


def _audio_accuracy(r, tasks):
    """Sentences on the nearest class, where it was measured."""
    found = [(name, r.spread(group, "int8", "accuracy")) for name, group in tasks]
    text = ", ".join(f"{100 * f['mean']:.1f} % ({name})" for name, f in found if f)
    return [f"Nearest class on dataset A, int8: {text}."] if text else []


def _show_audio(r, fast):
    t = _audio_tasks(fast)
    bars = []
    for kind, label in (("paper", "the paper's rule"), ("best", "through the decoder")):
        found = {p: r.spread(t[kind, p], "int8", "mse") for p in "AB"}
        bars.append(Series(label, [p for p, f in found.items() if f], [f["mean"] for f in found.values() if f]))
    panels = [Panel("A: test set, int8", "dataset", "MSE", bars, style="bars")]
    for kind in ("paper", "best"):
        for pairing in "AB":
            found = r.one(t[kind, pairing][0])
            if found:
                shown = found.shown
                rows = [(str(i + 1), shown[i :: len(shown) // 10]) for i in range(len(shown) // 10)]
                panels.append(Images(f"B: dataset {pairing}, {kind}", rows))
    kinds = (("the paper's rule", "paper"), ("through the decoder", "best"), ("augmented", "augmented"))
    accuracy = _audio_accuracy(r, [(label, t[kind, "A"]) for label, kind in kinds])
    return Figure(panels, HEADINGS, _audio_rows(r, fast), [FSDD_NOTE, *accuracy])


HIDDEN_STATE_STEPS = (15, 10, 5, 2, 1)
BITS = (16, 8, 4, 2, 1)


def _state_tasks(fast):
    steps = {n: s.audiocoder(s.AUDIO_PAPER, "A", fast, hidden_state_steps=n) for n in HIDDEN_STATE_STEPS}
    bits = {n: s.ann_audiocoder_rates("adam", "A", fast, bits=n) for n in BITS}
    return steps, bits


def _show_states(r, fast):
    steps, bits = _state_tasks(fast)
    audio = _audio_tasks(fast)
    best_of = {n: r.tuned(tasks) for n, tasks in bits.items()}
    snn = {n: r.spread([task], "float", "mse") for n, task in steps.items()}
    plain = {n: r.spread([task] if task else [], "mse") for n, task in best_of.items()}
    rounded = {n: r.spread([task] if task else [], "rounded", "mse") for n, task in best_of.items()}

    def points(label, found):
        return Series(label, [n for n, f in found.items() if f], [f["mean"] for f in found.values() if f])

    against = r.curve(r.tuned(audio["sgd", "A"]), "ANN, SGD") + r.curve(r.tuned(audio["adam", "A"]), "ANN, Adam")
    panels = [
        Panel("A: steps of the hidden state", "Th", "MSE", [points("SNN", snn)]),
        Panel("B: ANN audiocoders, full precision", "epoch", "MSE", against),
        Panel(
            "C: bits of the hidden state", "bits (SNN: steps)", "MSE",
            [points("SNN", snn), points("ANN, trained on it", plain), points("ANN, and passes it on", rounded)],
            x_log=True,
        ),  # fmt: skip
    ]
    columns = snn, plain, rounded
    rows = [[n, *(cell(found[n]) if n in found else "" for found in columns)] for n in sorted({*HIDDEN_STATE_STEPS, *BITS}, reverse=True)]
    notes = [
        FSDD_NOTE,
        "The SNN is trained on Th steps of the target's spikes, the ANN on vectors of as many bits; both then run as they are."
        " In the last column what the ANN audiocoder makes is rounded to the bits as well.",
    ]
    return Figure(panels, ["Th, or bits", "SNN", "ANN trained on it", "ANN that also passes it on"], rows, notes)


def _speaker_tasks(fast, data_dir):
    speakers = sorted({r.speaker for r in datasets.fsdd("all", data_dir)})
    seeds = s.SEEDS[: 1 if fast else None]
    return {speaker: [s.left_out(speaker, fast, seed=seed) for seed in seeds] for speaker in speakers[: 1 if fast else None]}


def _show_speakers(r, fast):
    tasks = _speaker_tasks(fast, r.data_dir)
    measures = ("accuracy", "mse")
    found = {speaker: [r.spread(seeds, "int8", name) for name in measures] for speaker, seeds in tasks.items()}
    done = {speaker: accuracy for speaker, (accuracy, _) in found.items() if accuracy}
    bars = Series("int8", list(done), [f["mean"] for f in done.values()], [(f["low"], f["high"]) for f in done.values()])
    panels = [Panel("A speaker never heard", "speaker left out", "nearest class", [bars], style="bars")]
    rows = [[speaker, *(cell(f, 3) for f in figures)] for speaker, figures in found.items()]
    # A seed's mean over the speakers, where it has all of them.
    seeds = [[r.spread(of_seed, "int8", name) for name in measures] for of_seed in zip(*tasks.values(), strict=True)]
    whole = [figures for figures in seeds if figures[0] and figures[0]["n"] == len(tasks)]
    rows.append(["mean", *(cell(spread([figures[i]["mean"] for figures in whole]), 3) for i in range(len(measures)))])
    return Figure(panels, ["speaker left out", "nearest class, int8", "MSE, int8"], rows, [FSDD_NOTE])


def _show_table(r, fast):
    rows = _mnist_rows(r, fast) + _fashion_rows(r, fast) + _audio_rows(r, fast)
    return Figure([], HEADINGS, rows, [FASHION_NOTE, FSDD_NOTE])


TARGETS = {
    "table1": Target(
        "Table 1: all tasks",
        lambda fast, data_dir: _flat(_mnist_tasks(fast)) + _flat(_fashion_tasks(fast)) + _flat(_audio_tasks(fast)),
        _show_table,
    ),
    "fig3": Target("Figure 3: leak", lambda fast, data_dir: list(_leak_tasks(fast).values()), _show_leak),
    "fig4": Target(
        "Figure 4: mask and duration of the input",
        lambda fast, data_dir: [*_mask_tasks(fast).values(), *_steps_tasks(fast).values()],
        _show_mask,
    ),
    "fig5": Target("Figure 5: MNIST, against ANNs", lambda fast, data_dir: _flat(_mnist_tasks(fast)), _show_anns),
    "fig6": Target("Figure 6: Fashion-MNIST", lambda fast, data_dir: _flat(_fashion_tasks(fast)), _show_fashion),
    "fig7": Target(
        "Figure 7: hidden size, learning rate, duration",
        lambda fast, data_dir: [task for group in _size_tasks(fast) for task in group.values()],
        _show_sizes,
    ),
    "fig9": Target("Figure 9: audio to image, datasets A and B", lambda fast, data_dir: _flat(_audio_tasks(fast)), _show_audio),
    "fig10": Target(
        "Figure 10: fewer bits of hidden state",
        lambda fast, data_dir: [
            *_state_tasks(fast)[0].values(),
            *_flat(_state_tasks(fast)[1]),
            *(task for key, group in _audio_tasks(fast).items() if key in (("sgd", "A"), ("adam", "A")) for task in group),
        ],
        _show_states,
    ),
    "speakers": Target(
        "A speaker never heard in training (not in the paper)",
        lambda fast, data_dir: _flat(_speaker_tasks(fast, data_dir)),
        _show_speakers,
    ),
}
