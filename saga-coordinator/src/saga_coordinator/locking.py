"""What instances are told about the semantic locks that they asked for."""

from saga_coordinator.engine import inputs as i
from saga_coordinator.store.locks import Exchanged


def grant(instance: str, step: int) -> i.LocksGranted:
    """The step has its locks; the same input however often it is told."""
    return i.LocksGranted(id=f"l:{instance}:{step}", instance=instance, step=step)


def told(exchanged: Exchanged) -> list[i.Input]:
    """The inputs that a change of the lines leads to."""
    inputs: list[i.Input] = [grant(request.instance, request.step) for request in exchanged.granted]
    inputs += [
        i.LocksBusy(
            id=f"lb:{request.instance}:{request.step}", instance=request.instance, step=request.step, holders=holders
        )
        for request, holders in exchanged.busy
        if holders
    ]
    return inputs
