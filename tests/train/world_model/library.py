"""A library of untrained experts: enough for everything but scores."""

import numpy as np
import torch

from metaworld_rt.tasks import features
from metaworld_rt.tasks.task import get_task
from metaworld_rt.train.expert.policy import Expert
from metaworld_rt.train.world_model.library import ExpertLibrary

NAMES = ("stand", "walk", "run")


def untrained(seed=0, names=NAMES, layout=features.LOCOMOTION, tasks=None):
    torch.manual_seed(seed)
    experts = tuple(Expert(features.size(layout), (16,)).eval() for _ in names)
    for expert in experts:
        torch.nn.init.normal_(expert.net[-1].weight, std=0.05)
    return ExpertLibrary(
        names=tuple(names),
        descriptions=tuple(f"can {n}" for n in names),
        periods=np.array([0.0, 0.8, 0.5, 0.8][: len(names)]),
        tasks=tuple(get_task(n) for n in tasks or names),
        features=layout,
        networks=experts,
        provenance=({"seed": seed},) * len(names),
    )
