"""A worker whose tasks wsmon shows: each task has three steps, and some fail.

While a recorder runs (``wsmon demo``, or ``wsmon record``)::

    python examples/worker.py
    wsmon attach                                  # the connection "worker"; `W` shows the steps of a task
    wsmon search conn:worker status:error

Without a recorder, the worker writes a store of its own, which ``wsmon open worker.db`` shows meanwhile::

    python examples/worker.py --store worker.db --own
"""

from __future__ import annotations

import argparse
import random
import time

from wsmon.trace import TraceBackend, sink_of

STEPS = ("reserve", "charge", "ship")


class OutOfStockError(Exception):
    """A step that fails."""


def work(backend: TraceBackend, task_id: int) -> None:
    """Carry out one task, and say so."""
    task = {"task_id": task_id, "handler": "order"}
    backend.handle_event("task.started", task)
    try:
        for number, step in enumerate(STEPS, 1):
            run(backend, {**task, "workflow_step_id": f"{task_id}-{number}", "operation": step})
    except OutOfStockError as error:
        backend.handle_event("task.failed", {**task, "error": str(error)})
    else:
        backend.handle_event("task.completed", task)


def run(backend: TraceBackend, step: dict[str, object]) -> None:
    """Carry out one step."""
    backend.handle_event("step.started", step)
    backend.handle_event("step.before_call", step)
    time.sleep(random.uniform(0.005, 0.03))
    backend.handle_event("step.after_call", step)
    if step["operation"] == "reserve" and int(str(step["task_id"])) % 5 == 0:
        error = OutOfStockError("out of stock")
        backend.handle_event("step.failed", {**step, "error": str(error), "error_type": type(error).__name__})
        raise error
    backend.handle_event("step.completed", step)


def main() -> None:
    """Work until interrupted, or until all tasks are done."""
    parser = argparse.ArgumentParser(description="A worker whose tasks wsmon shows.")
    parser.add_argument("--tasks", type=int, default=0, help="number of tasks; 0, the default: until interrupted")
    parser.add_argument("--store", default="", help="the store to report to; by default that of the recorder that runs")
    parser.add_argument("--own", action="store_true", help="write the store without a recorder")
    options = parser.parse_args()
    sink = sink_of(options.store, own=options.own)
    backend = TraceBackend(sink, connection="worker")
    task_id = 0
    try:
        while not options.tasks or task_id < options.tasks:
            task_id += 1
            work(backend, task_id)
    except KeyboardInterrupt:
        pass
    sink.flush()
    stats = backend.stats()
    print(f"{stats.finished} traces finished, {stats.active} are open")
    if sink.state.problem:
        print(f"not all is stored: {sink.state.problem}")


if __name__ == "__main__":
    main()
