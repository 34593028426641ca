"""A training that a test kills: loop_worker.py CHECKPOINT RESULT PAUSE prints the number of each step it begins."""

import sys
import time
from pathlib import Path

import numpy as np


def main(checkpoint: str, result: str, pause: float) -> None:
    import torch
    from torch import nn

    from codomain.transform.training.checkpoint import Checkpoint
    from codomain.transform.training.loop import Loop, Update, seeded

    torch.set_num_threads(1)
    with seeded(0):
        x = torch.randn(64, 8)
        model = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.2), nn.Linear(8, 8))
        optimizer = torch.optim.Adam(model.parameters(), 0.01)

        def loss(rows: torch.Tensor) -> torch.Tensor:
            step = max((int(state["step"]) for state in optimizer.state.values()), default=0) + 1
            print(step, flush=True)
            time.sleep(pause)
            return ((model(x[rows]) - x[rows]) ** 2).mean()

        kept = Checkpoint(Path(checkpoint), "worker", every=0)
        Loop(model, [Update(loss, optimizer)], lambda epoch: torch.randperm(64).split(8), 10, checkpoint=kept).run()
    np.save(result, nn.utils.parameters_to_vector(model.parameters()).detach().numpy())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
