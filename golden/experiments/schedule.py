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


def run_tasks(tasks, folder, data_dir=None, jobs=1, scheduler=None, log=print):
    """Run all tasks whose results are not in ``folder`` yet.

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
    left = [task for task in ordered if not task.is_done(folder)]
    if len(left) < len(ordered):
        log(f"{len(ordered) - len(left)} of {len(ordered)} tasks are done already")
    if not left:
        return
    if scheduler:
        finished = _on_cluster(left, folder, data_dir, scheduler)
    elif jobs > 1:
        finished = _on_processes(left, folder, data_dir, jobs)
    else:
        finished = _here(left, folder, data_dir, log)
    started = time.time()
    for number, key in enumerate(progress(finished, "tasks", total=len(left)), 1):
        log(f"{number} of {len(left)} after {time.time() - started:.0f} s: {key}")


def _here(left, folder, data_dir, log):
    for task in left:
        yield run_task(task, folder, data_dir, log)


def _on_processes(left, folder, data_dir, jobs):
    # Spawned, not forked: BLAS has threads, which a fork does not carry over.
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        waiting, running = list(left), {}
        open_keys = {task.key for task in left}
        try:
            while waiting or running:
                for task in list(waiting):
                    if not any(needed.key in open_keys for needed in task.needs):
                        waiting.remove(task)
                        running[pool.submit(run_task, task, folder, data_dir)] = task.key
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    open_keys.discard(running.pop(future))
                    yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _on_cluster(left, folder, data_dir, address):
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
        for task in left:
            # A future among the arguments makes Dask wait for it.
            after = [futures[needed.key] for needed in task.needs if needed.key in futures]
            futures[task.key] = client.submit(_run_after, task, folder, data_dir, after, key=task.key)
        for future in as_completed(list(futures.values())):
            yield future.result()


def _run_after(task, folder, data_dir, after):
    return run_task(task, folder, data_dir)
