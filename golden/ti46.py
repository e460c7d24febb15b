"""TI-46 (LDC93S9), the paper's speech corpus: licensed, so it comes from a folder of the user's.

Sixteen speakers (f1 to f8, m1 to m8) say each word 26 times. A file's name tells all: word (``00`` to
``09`` for the digits), speaker, session (``se`` to enrol, ``s1`` to ``s8`` to test) and token, as in
``07f3s2t1.wav``. Despite the suffix the files are NIST SPHERE, at 12,500 Hz, which libsndfile reads.
"""

import re

from .datasets import Recording, data_folder
from .errors import UserError

_NAME = re.compile(r"0(?P<digit>[0-9])(?P<speaker>[fm][1-8])(?P<session>se|s[1-8])t?(?P<token>[0-9a-f]+)\.(wav|nist|sph)", re.IGNORECASE)


def ti46(split="train", data_dir=None, speakers=None, leave_out=None):
    """The corpus's spoken digits, sorted by (speaker, digit, index).

    Parameters
    ----------
    split : str
        "train" (enrolment), "test", or "all": the corpus's own split. The paper drew 3,500 and 636 at random.
    data_dir : str or path, optional
        As everywhere (`datasets.data_folder`); the recordings lie anywhere below its folder ``ti46``.
    speakers : collection of str, optional
        Only these, such as "f1".
    leave_out : str, optional
        All but this one.

    Returns
    -------
    list of datasets.Recording
        Their ``index`` is 0 to 9 for enrolment tokens, 10 and up for test tokens (session, then token).

    Raises
    ------
    UserError
        No data folder, no recording in it, unknown speaker.
    """
    if split not in ("train", "test", "all"):
        raise UserError(f"split {split!r} of TI-46: choose 'train', 'test' or 'all'")
    folder = data_folder(data_dir)
    if folder is None:
        raise UserError("TI-46 is licensed (LDC93S9) and cannot be downloaded: name the folder that holds ti46/ with --data-dir")
    found = []
    for path in sorted((folder / "ti46").rglob("*")):
        match = _NAME.fullmatch(path.name)
        if match:
            token, session = int(match["token"], 16), match["session"].lower()
            index = token if session == "se" else 10 + 2 * (int(session[1]) - 1) + token
            found.append(Recording(path, int(match["digit"]), match["speaker"].lower(), index))
    if not found:
        raise UserError(f"{str(folder / 'ti46')!r} holds no recording named like 07f3s2t1.wav: copy the corpus there")
    known = {r.speaker for r in found}
    for speaker in [*(speakers or ()), *([leave_out] if leave_out else ())]:
        if speaker not in known:
            raise UserError(f"TI-46 speaker {speaker!r} is not in {str(folder / 'ti46')!r}: choose from {', '.join(sorted(known))}")
    wanted = {"train": lambda i: i < 10, "test": lambda i: i >= 10, "all": lambda i: True}[split]
    chosen = [r for r in found if wanted(r.index) and r.speaker != leave_out and (speakers is None or r.speaker in speakers)]
    return sorted(chosen, key=lambda r: (r.speaker, r.digit, r.index))
