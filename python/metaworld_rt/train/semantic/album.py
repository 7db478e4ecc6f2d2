"""An album: many rendered scenes with what is in them, cached in one file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ..files import write_arrays
from .scenes import DOORS, TARGETS, Studio, random_scene


@dataclass(frozen=True)
class Album:
    """images [n, size, size, 3] uint8; door, target [n] int64 indices into DOORS and TARGETS.

    ball [n, 3] float32: bearing (rad, left positive, against the robot's heading), horizontal distance (m) and height
    above the floor (m); zeros where there is no ball.
    """

    images: np.ndarray
    door: np.ndarray
    target: np.ndarray
    ball: np.ndarray

    def save(self, path: Path) -> None:
        """Writes the album whole or not at all; raises CheckpointError where it cannot be written."""
        write_arrays(path, vars(self))

    @classmethod
    def load(cls, path: Path) -> Album:
        """Reads what `save` wrote."""
        with np.load(path) as data:
            return cls(data["images"], data["door"], data["target"], data["ball"])


def album(count: int, seed: int, cache: Path | None = None) -> Album:
    """`count` random scenes; from `cache` where it holds them already. About 20 ms a scene in software rendering."""
    if cache is not None and cache.exists():
        found = Album.load(cache)
        if len(found.images) == count:
            return found
    rng = np.random.default_rng(seed)
    studio = Studio()
    images, doors, targets, balls = [], [], [], []
    with tqdm(total=count, desc="render scenes", mininterval=5.0) as bar:
        while len(images) < count:
            scene = random_scene(rng)
            image = studio.render(scene)
            if scene.ball is not None and not studio.visible(scene):
                continue
            images.append(image)
            doors.append(DOORS.index(scene.door))
            targets.append(TARGETS.index(scene.target))
            balls.append(scene.ball or (0.0, 0.0, 0.0))
            bar.update()
    made = Album(np.stack(images), np.array(doors), np.array(targets), np.array(balls, np.float32))
    if cache is not None:
        made.save(cache)
    return made
