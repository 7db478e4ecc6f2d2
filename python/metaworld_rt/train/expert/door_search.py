"""A way through the door by search: many robots try, the best are copied, from the task's reset into the doorway.

    python -m metaworld_rt.train.expert.door_search --legs stand.pt --out ways

The pelvis is led by force, so balance is no part of the search: an expert moves the legs, the arms are searched. Every
segment each robot draws where its arms go (or lets a motion of `door_hook` move them) and where it is led; the best are
copied. What comes out is no controller, it leans on a hand that is not there; `DoorEnv` trains experts that follow it
and takes the hand away.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from metaworld_rt.plants.h1 import DECISION_DT
from metaworld_rt.plants.robot import H1
from metaworld_rt.tasks import features
from metaworld_rt.tasks.door import door_reward
from metaworld_rt.tasks.signals import Signals
from metaworld_rt.tasks.task import RESET_NOISE
from metaworld_rt.tasks.vector import VectorPhysics
from metaworld_rt.train.expert.bank import ROBOT_NQ, Bank, join
from metaworld_rt.train.expert.checkpoint import load_expert, unpack_features
from metaworld_rt.train.expert.door import AJAR, OPENED, TIMESTEP, UNLATCHED, lead, training_model
from metaworld_rt.train.expert.door_hook import ARMS, replay_all
from metaworld_rt.train.expert.policy import Expert, widen
from metaworld_rt.train.expert.sense import Senses

SEGMENT = 10  # decisions
OVERLAP = 20  # decisions of the opening's end with which the pass begins: where one expert hands over to the other
OPEN = 1.0  # rad: the task's reward for the hinge is full
HINGE_XY = np.array([0.75, -0.5])
_HATCH_FROM_HINGE = np.array([0.05, 0.9, 1.2])  # of the closed door
# Where the hand hooks the hatch: between the leaf and the lock's inner rod and under it, from the hatch's centre,
# unturned. Lifting the rod turns the hatch, and the forearm's knob, caught behind it, pulls.
_HOOK = np.array([-0.10, 0.10, -0.045])
GAIT = 0.8  # s, of the phase that the expert of the legs sees
_SURVIVORS = 0.125  # share of the robots
_FALLEN_HEIGHT, _FALLEN = 0.7, -100.0
# Where the pelvis is led while the door opens, by the hinge's angle: back and to the left, out of the leaf's way.
_WAY_HINGE = np.array([0.05, 0.3, 0.55, 0.9])
_WAY = np.array([[0.2, 0.13], [0.08, 0.2], [-0.1, 0.22], [-0.32, 0.2]])
_HEIGHT = 1.011
# How firmly, until the leaf is at 0.5 rad and after. A weak hand finds ways that need little help: led at 1, the base
# did not give when the arm pulled, and robots that followed the way were drawn to the door instead.
_FIRM = 0.3, 0.7
_IN_PLACE = 0.05  # m from a motion's place at which it begins
_THROUGH_X = 1.0  # m: from here on the robot must nearly stand by itself


@dataclass(frozen=True)
class Found:
    """The best robot's way: whole states before each decision, and the score at the end of each segment."""

    states: Bank
    scores: list[float]


def hook_position(hinge: np.ndarray, latch: np.ndarray) -> np.ndarray:
    """World position (..., 3) of the place to hook the hatch at, for hinge and latch angles (...,), rad."""
    c, s = np.cos(latch), np.sin(latch)
    x, y, z = _HOOK
    turned = np.stack([np.full_like(c, x), y * c - z * s, y * s + z * c], axis=-1) + _HATCH_FROM_HINGE
    c, s = np.cos(hinge), np.sin(hinge)
    across, along = turned[..., 0], turned[..., 1]
    return np.stack(
        [HINGE_XY[0] + c * across - s * along, HINGE_XY[1] + s * across + c * along, turned[..., 2]], axis=-1
    )


def load_legs(path: Path) -> Expert:
    """The expert that moves the legs, reading the household layout.

    Raises:
        CheckpointError: the file is missing or no expert's checkpoint.
        ValueError: it reads what that layout lacks.
    """
    legs, content = load_expert(path)
    layout = unpack_features(content["features"])
    return legs if layout == features.HOUSEHOLD else widen(legs, layout, features.HOUSEHOLD)


class Crowd:
    """The robots of one search, and the ways they came. Not thread-safe."""

    def __init__(self, legs: Expert, robots: int, seed: int) -> None:
        self.legs, self.rng, self.count = legs, np.random.default_rng(seed), robots
        self.physics = VectorPhysics(training_model(), robots, 1)
        self.physics.qpos += self.rng.uniform(-RESET_NOISE, RESET_NOISE, self.physics.qpos.shape)
        self.action, self.gait = np.zeros((robots, H1.n)), np.zeros(robots)
        self.target = np.tile(H1.default_pos, (robots, 1))  # of the joints, rad
        self.goal = self.target.copy()  # of the arms, at the end of the segment
        self.memory: dict[str, np.ndarray] = {}  # what a stage of the search notes of each robot
        self.senses = Senses(self.physics)
        self._ways: list[tuple[list[np.ndarray], np.ndarray]] = []
        self.scores: list[float] = []

    def begin(self, state: Bank) -> None:
        """Puts every robot into the last state of a way."""
        self.physics.qpos[:], self.physics.qvel[:] = state.qpos[-1], state.qvel[-1]
        self.action[:] = state.action[-1]
        self.target[:] = self.goal[:] = H1.target(state.action[-1])
        self.senses.reset(np.arange(self.count))

    def wander(self, deviations: Sequence[float]) -> None:
        """New goals of the arms, each robot's by noise of a deviation (rad) drawn from these."""
        noise = self.rng.normal(size=self.goal.shape) * self.rng.choice(deviations, (self.count, 1))
        self.goal = np.clip(np.where(ARMS, self.goal + noise, self.goal), H1.lower, H1.upper)

    def segment(
        self, ref: Callable[[], np.ndarray], firm: Callable[[], np.ndarray], arms: Callable[[int], np.ndarray | None]
    ) -> tuple[Signals, np.ndarray, np.ndarray]:
        """Lives through one segment.

        Args:
            ref: gives the pose (count, 7) that the pelvis is led to.
            firm: gives how firmly, (count,).
            arms: gives the actions (count, 19) of robots whose arms follow something else, NaN for the others, or None.

        Returns:
            Signals at its end, mean task reward (count,), which robots never fell (count,).
        """
        physics, start, seen = self.physics, self.target, []
        alive, reward = np.ones(self.count, dtype=bool), np.zeros(self.count)
        for i in range(SEGMENT):
            self.gait = np.mod(self.gait + DECISION_DT / GAIT, 1.0)
            state = features.FeatureInput.from_state(
                physics.qpos, physics.qvel, self.action, phase=self.gait, extra=self.senses.terms()
            )
            with torch.no_grad():
                action = self.legs(torch.from_numpy(features.compute(features.HOUSEHOLD, state))).double().numpy()
            self.target = start + (self.goal - start) * ((i + 1) / SEGMENT)
            moved, other = H1.action_of_target(self.target), arms(i)
            if other is not None:
                moved = np.where(np.isnan(other), moved, other)
            seen.append((physics.qpos, physics.qvel, self.action, self.gait))
            self.action = np.clip(np.where(ARMS, moved, action), -1.0, 1.0)
            physics.qvel = lead(physics.qpos, physics.qvel, ref(), firm())
            signals = physics.step(H1.target(self.action))
            self.senses.update()
            alive &= signals.qpos[:, 2] > _FALLEN_HEIGHT
            reward += door_reward(signals)["reward"] / SEGMENT
        self.target = H1.target(self.action)
        self._seen = [np.stack([step[i] for step in seen]) for i in range(4)]
        return signals, reward, alive

    def select(self, score: np.ndarray) -> int:
        """Copies the best over the others; returns which was the best."""
        best = np.argsort(-score)[: max(1, round(self.count * _SURVIVORS))]
        weight = np.exp((score[best] - score[best[0]]) / 0.5)
        parent = np.concatenate([best, self.rng.choice(best, self.count - len(best), p=weight / weight.sum())])
        self._ways.append((self._seen, parent))
        self.scores.append(float(score[best[0]]))
        for owner, names in ((self.physics, ("qpos", "qvel")), (self.senses, ("left", "right"))):
            for name in names:
                setattr(owner, name, getattr(owner, name)[parent].copy())
        for name in ("action", "gait", "target", "goal"):
            setattr(self, name, getattr(self, name)[parent].copy())
        self.memory = {name: value[parent].copy() for name, value in self.memory.items()}
        return int(best[0])

    def found(self) -> Found:
        """Follows the survivors' parents back from the best of the last segment."""
        row, parts = 0, []
        for states, parent in reversed(self._ways):
            row = int(parent[row])
            parts.append([array[:, row] for array in states])
        self.physics.close()
        return Found(Bank(*(np.concatenate([part[i] for part in reversed(parts)]) for i in range(4))), self.scores)


def _pose(place: np.ndarray, height: float, yaw: np.ndarray) -> np.ndarray:
    zero = np.zeros(len(place))
    return np.column_stack([place, np.full(len(place), height), np.cos(yaw / 2), zero, zero, np.sin(yaw / 2)])


def opened(s: Signals) -> np.ndarray:
    """How far each robot has come with opening, (count,): hatch hooked, turned, leaf pulled."""
    hinge, latch = s.qpos[:, -2], s.qpos[:, -1]
    near = np.linalg.norm(s.left_hand - hook_position(hinge, latch), axis=-1)
    shut = 1.5 * np.exp(-near / 0.3) + 1.5 * np.exp(-np.square(near / 0.1)) + 25.0 * np.clip(hinge, 0.0, AJAR)
    shut += 2.5 * np.clip(latch / UNLATCHED, 0.0, 1.0)
    share = np.clip((hinge - AJAR + 0.05) / 0.1, 0.0, 1.0)
    return (1.0 - share) * shut + share * (11.5 + 12.0 * np.clip(hinge - AJAR, 0.0, OPEN - AJAR))


def open_door(legs: Expert, segments: int = 50, robots: int = 128, seed: int = 0) -> Found:
    """From the task's reset to the leaf open by `OPEN`.

    Args:
        legs: moves the legs; reads the household layout.
        segments: at most this many.
        robots: tried side by side.
        seed: of everything random.
    """
    crowd, motions = Crowd(legs, robots, seed), replay_all(TIMESTEP)
    rng, physics, last = crowd.rng, crowd.physics, motions.length - SEGMENT
    crowd.memory = {"clock": np.full(robots, -1), "motion": rng.integers(0, len(motions.place), robots)}

    def ref() -> np.ndarray:
        hinge = physics.qpos[:, -2]
        place = np.stack([np.interp(hinge, _WAY_HINGE, _WAY[:, i]) for i in range(2)], axis=-1)
        shut = (hinge < _WAY_HINGE[0])[:, None]
        return _pose(np.where(shut, motions.place[crowd.memory["motion"]], place), _HEIGHT, np.zeros(robots))

    for _ in range(segments):
        clock, motion = crowd.memory["clock"], crowd.memory["motion"]
        hinge = physics.qpos[:, -2]
        near = np.linalg.norm(physics.qpos[:, :2] - motions.place[motion], axis=-1) < _IN_PLACE
        clock[(clock < 0) & near & (hinge < AJAR / 2) & (rng.random(robots) < 0.8)] = 0
        led = (clock >= 0) & (clock < last) & (rng.random(robots) < np.where(hinge > AJAR / 2, 0.3, 0.85))
        held = physics.qpos[:, 7:ROBOT_NQ]
        crowd.goal = held + (crowd.goal - held) * rng.choice([0.5, 1.0, 1.3], (robots, 1))
        crowd.wander([0.0, 0.15, 0.35, 0.7])

        def arms(i: int, clock: np.ndarray = clock, motion: np.ndarray = motion, led: np.ndarray = led) -> np.ndarray:
            shown = motions.action[motion, np.clip(clock + i, 0, motions.length - 1)]
            return np.where(led[:, None], shown + 0.03 * rng.normal(size=shown.shape), np.nan)

        signals, _, alive = crowd.segment(ref, lambda: np.where(physics.qpos[:, -2] < 0.5, *_FIRM), arms)
        crowd.goal = np.where(led[:, None], crowd.target, crowd.goal)
        given_up = (clock >= 0) & (rng.random(robots) < 0.15)
        clock = np.where(led, clock + SEGMENT, np.where(given_up, -1, clock))
        clock[clock >= last] = -1
        again = (clock < 0) & (rng.random(robots) < 0.2)
        motion = np.where(again, rng.integers(0, len(motions.place), robots), motion)
        crowd.memory = {"clock": clock, "motion": motion}
        best = crowd.select(np.where(alive, opened(signals), _FALLEN))
        if signals.qpos[best, -2] > OPEN:
            break
    return crowd.found()


def walk_through(legs: Expert, first: Bank, segments: int = 34, robots: int = 144, seed: int = 0) -> Found:
    """From the end of a way that opened the door into the doorway, an arm and a leg behind holding the leaf.

    Args:
        legs: moves the legs; reads the household layout.
        first: the way so far.
        segments: so many.
        robots: tried side by side.
        seed: of everything random.
    """
    crowd = Crowd(legs, robots, seed)
    crowd.begin(first)
    rng, physics = crowd.rng, crowd.physics
    drift, yaw = np.zeros((robots, 2)), np.zeros(robots)
    for _ in range(segments):
        crowd.wander([0.0, 0.1, 0.3, 0.6])
        drift = np.where(rng.random((robots, 1)) < 0.5, rng.normal(size=(robots, 2)) * [0.25, 0.2] + [0.2, 0.0], drift)
        place = physics.qpos[:, :2] + 0.5 * np.clip(drift, -0.6, 0.6)
        turn = rng.normal(size=robots) * 0.2 * (rng.random(robots) < 0.3)
        yaw = np.clip(yaw + turn, -0.8, 0.8)
        ref = _pose(place, 1.0, yaw)
        signals, reward, alive = crowd.segment(
            lambda ref=ref: ref, lambda: np.where(physics.qpos[:, 0] > _THROUGH_X, 0.2, 0.6), lambda _: None
        )
        hinge, x = signals.qpos[:, -2], signals.imu_x
        stance = np.linalg.norm(signals.left_foot - signals.right_foot, axis=-1)
        speed = np.linalg.norm(physics.qvel[:, :3], axis=-1) + 0.02 * np.linalg.norm(physics.qvel[:, 6:25], axis=-1)
        score = 10.0 * reward + 10.0 * np.minimum(1.0, hinge * np.abs(hinge)) + 8.0 * np.clip(x, -0.5, 1.2)
        score -= 0.3 * np.abs(drift).sum(axis=-1) + 4.0 * np.clip(0.93 - signals.torso_up, 0.0, 1.0)
        score += 3.0 * (x > 0.8) * np.clip(stance, 0.0, 0.6) - 1.5 * (x > 1.0) * speed
        crowd.memory = {"drift": drift, "yaw": yaw}
        crowd.select(np.where(alive, score, _FALLEN))
        drift, yaw = crowd.memory["drift"], crowd.memory["yaw"]
    return crowd.found()


def merit(way: Bank) -> float:
    """Of a way that should open the door: the sooner, or else the further, the better."""
    hinge = way.qpos[:, -2]
    there = np.flatnonzero(hinge > OPENED)
    return -float(there[0]) if len(there) else -len(hinge) - 1000.0 * (OPEN - hinge.max())


def main(argv: Sequence[str] | None = None) -> int:
    """Searches with several seeds and writes the best ways as `door_open.npz` and `door_pass.npz`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--legs", type=Path, required=True, help="checkpoint of the expert that moves the legs")
    parser.add_argument("--out", type=Path, required=True, help="folder")
    parser.add_argument("--seeds", type=int, default=16, help="tried for each half")
    parser.add_argument("--robots", type=int, default=144)
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    legs = load_legs(args.legs)
    args.out.mkdir(parents=True, exist_ok=True)
    ways = []
    for seed in range(args.seeds):
        ways.append(open_door(legs, robots=args.robots, seed=seed).states)
        print(
            f"seed {seed}: {len(ways[-1])} decisions, the door opens to {ways[-1].qpos[:, -2].max():.2f} rad",
            flush=True,
        )
    first = max(ways, key=merit)
    if first.qpos[:, -2].max() < OPENED:
        print(f"no seed of {args.seeds} opened the door: try more seeds, or more robots", file=sys.stderr)
        return 1
    passes = []
    for seed in range(args.seeds):
        passes.append(walk_through(legs, first, robots=args.robots, seed=seed))
        end = passes[-1].states.qpos[-1]
        print(f"seed {seed}: ends at x {end[0]:.2f} m with the door at {end[-2]:.2f} rad", flush=True)
    second = max(passes, key=lambda found: max(found.scores))
    last = SEGMENT * (1 + int(np.argmax(second.scores)))
    first.save(args.out / "door_open.npz")
    handover = first[np.arange(len(first) - OVERLAP, len(first))]
    join([handover, second.states[np.arange(last)]]).save(args.out / "door_pass.npz")
    return 0


if __name__ == "__main__":
    sys.exit(main())
