"""Running tasks: on local processes, or on a Dask cluster whose workers see the same folder."""

import multiprocessing
import time
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait

from ..errors import UserError, need
from ..progress import progress
from .tasks import run_task


def with_needs(tasks) -> list:
    """The tasks and all that they need, each once, what is needed first."""
    ordered = {}

    def visit(task):
        for needed in task.needs:
            visit(needed)
        ordered.setdefault(task.key, task)

    for task in tasks:
        visit(task)
    return list(ordered.values())


def left(tasks, folder) -> list:
    """Those of ``tasks`` that must run, in their order, as pairs (task, whether it is for its weights' sake alone).

    Parameters
    ----------
    tasks : list of Task
        What is needed first, as `with_needs` gives them.
    folder : path
    """
    wanted, found = set(), []
    for task in reversed(tasks):
        for_weights = task.key in wanted and task.is_done(folder)
        if not task.has_weights(folder) if for_weights else not task.is_done(folder):
            found.append((task, for_weights))
            wanted.update(needed.key for needed in task.needs)
    return found[::-1]


def run_tasks(tasks, folder, data_dir=None, jobs=1, scheduler=None, log=print):
    """Run all tasks whose results are not in ``folder`` yet, and those done whose weights they need and are gone.

    Parameters
    ----------
    tasks : sequence of Task
    folder : path
        Holds results and checkpoints; the workers of a cluster must see it under the same name.
    data_dir : str or path, optional
    jobs : int
        Local processes; 1: this one.
    scheduler : str, optional
        Address of a Dask scheduler, such as tcp://10.0.0.1:8786.
    log : function of a str
    """
    folder, data_dir = str(folder), None if data_dir is None else str(data_dir)
    ordered = with_needs(tasks)
    work = left(ordered, folder)
    if done := sum(task.is_done(folder) for task in ordered):
        log(f"{done} of {len(ordered)} tasks are done already")
    if again := sum(for_weights for _, for_weights in work):
        log(f"{again} of these run again, because others start from their weights, which are not here")
    if not work:
        return
    if scheduler:
        finished = _on_cluster(work, folder, data_dir, scheduler)
    elif jobs > 1:
        finished = _on_processes(work, folder, data_dir, jobs)
    else:
        finished = _here(work, folder, data_dir, log)
    started = time.time()
    for number, key in enumerate(progress(finished, "tasks", total=len(work)), 1):
        log(f"{number} of {len(work)} after {time.time() - started:.0f} s: {key}")


def _here(work, folder, data_dir, log):
    for task, for_weights in work:
        yield run_task(task, folder, data_dir, log, for_weights)


def _on_processes(work, folder, data_dir, jobs):
    # Spawned, not forked: BLAS has threads, which a fork does not carry over.
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        waiting, running = list(work), {}
        open_keys = {task.key for task, _ in work}
        try:
            while waiting or running:
                for pair in list(waiting):
                    task, for_weights = pair
                    if not any(needed.key in open_keys for needed in task.needs):
                        waiting.remove(pair)
                        running[pool.submit(run_task, task, folder, data_dir, for_weights=for_weights)] = task.key
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    open_keys.discard(running.pop(future))
                    yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _on_cluster(work, folder, data_dir, address):
    try:
        from dask.distributed import Client, as_completed
    except ImportError:
        raise need("distributed", "cluster", "running on a cluster") from None
    try:
        client = Client(address, timeout="10s")
    except (OSError, ValueError, TimeoutError) as error:
        raise UserError(f"no Dask scheduler at {address!r} ({error}): start one with dask-scheduler, or leave out --scheduler") from None
    with client:
        futures = {}
        for task, for_weights in work:
            # A future among the arguments makes Dask wait for it.
            after = [futures[needed.key] for needed in task.needs if needed.key in futures]
            futures[task.key] = client.submit(_run_after, task, folder, data_dir, for_weights, after, key=task.key)
        for future in as_completed(list(futures.values())):
            yield future.result()


def _run_after(task, folder, data_dir, for_weights, after):
    return run_task(task, folder, data_dir, for_weights=for_weights)
