"""The paper's experiments, and ours beside them: tasks, their results in files, tables and plots from those.

``tasks`` says what a task is and runs one; ``schedule`` runs many, here or on a Dask cluster;
``images`` and ``speech`` are the kinds of task; ``targets`` says which tasks a table or figure of
the paper takes and what becomes of their results; ``report`` writes it.
"""
