"""A way through the door by search: many robots try, the best are copied, from the task's reset into the doorway.

    python -m metaworld_rt.train.expert.door_search --legs footwork.pt --out ways

Balance is no part of the search: an expert of footwork moves the legs and bears what the arms do. A try is a sequence
of commands, where the arms go and where the pelvis should be, and `COPIES` robots with noise of their own follow it:
what is kept works for all of them. Every segment each try draws its next commands (or lets a motion of `door_hook`
move the arms); the best tries are copied.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from metaworld_rt.errors import UserError
from metaworld_rt.plants.h1 import DECISION_DT
from metaworld_rt.plants.robot import H1
from metaworld_rt.tasks import features
from metaworld_rt.tasks.door import door_reward
from metaworld_rt.tasks.signals import Signals
from metaworld_rt.tasks.task import RESET_NOISE
from metaworld_rt.tasks.vector import VectorPhysics
from metaworld_rt.train.expert.bank import ROBOT_NQ, Bank
from metaworld_rt.train.expert.checkpoint import load_expert, unpack_features
from metaworld_rt.train.expert.door import AJAR, HINGE_XY, OPENED, TIMESTEP, UNLATCHED, training_model
from metaworld_rt.train.expert.door_hook import ARMS, replay_all
from metaworld_rt.train.expert.door_way import Way, joined, shortened
from metaworld_rt.train.expert.footwork import HEIGHT, keep_near
from metaworld_rt.train.expert.policy import Expert, widen
from metaworld_rt.train.expert.sense import Senses

SEGMENT = 10  # decisions
COPIES = 1  # robots that follow the same commands; with four no seed opened the door (docs/door.md)
OPEN = 1.0  # rad: the task's reward for the hinge is full
_HATCH_FROM_HINGE = np.array([0.05, 0.9, 1.2])  # of the closed door
# Where the hand hooks the hatch: between the leaf and the lock's inner rod and under it, from the hatch's centre,
# unturned. Lifting the rod turns the hatch, and the forearm's knob, caught behind it, pulls.
_HOOK = np.array([-0.10, 0.10, -0.045])
_SURVIVORS = 0.125  # share of the tries
_FALLEN_HEIGHT, _FALLEN = 0.7, -30.0
# Where the pelvis should be while the door opens, by the hinge's angle: back and to the left, out of the leaf's way.
_WAY_HINGE = np.array([0.05, 0.3, 0.55, 0.9])
_WAY = np.array([[0.2, 0.13], [0.05, 0.2], [-0.15, 0.22], [-0.38, 0.2]])
_IN_PLACE = 0.06  # m from a motion's place at which it begins
_UPRIGHT = 30.0
_ON = 10.0
_PACE = 0.3  # m/s
_THROUGH_X = 1.0  # m: from here on the robot should stand
_IN_DOORWAY = 0.92  # m: from here on a hold is searched for
_SOON = 0.2  # s ahead that a hold looks at the falling leaf


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


def load_legs(path: Path) -> tuple[Expert, float]:
    """The expert of footwork, reading the household layout, and the period of its gait, s.

    Raises:
        CheckpointError: the file is missing or no expert's checkpoint.
        ValueError: it reads what that layout lacks.
    """
    legs, content = load_expert(path)
    layout = unpack_features(content["features"])
    if layout != features.HOUSEHOLD:
        legs = widen(legs, layout, features.HOUSEHOLD)
    return legs, content["period"]


@dataclass(frozen=True)
class Found:
    """The best try: the way, the last states of all robots that followed it, the score at the end of each segment."""

    way: Way
    end: Bank
    scores: list[float]


@dataclass(frozen=True)
class Lived:
    """What a segment gave: signals at its end, mean task reward (count,), which robots never fell (count,)."""

    signals: Signals
    reward: np.ndarray
    alive: np.ndarray


def footwork(
    legs: Expert,
    physics: VectorPhysics,
    action: np.ndarray,
    gait: np.ndarray,
    place: np.ndarray,
    heading: np.ndarray,
    senses: Senses,
) -> np.ndarray:
    """What the expert of footwork does: actions (count, 19) towards places (count, 3) and headings (count,)."""
    near = np.column_stack([keep_near(physics.qpos[:, :2], place[:, :2]), place[:, 2]])
    state = features.FeatureInput.from_state(
        physics.qpos, physics.qvel, action, phase=gait, heading=heading, extra=senses.terms(near)
    )
    with torch.no_grad():
        return legs(torch.from_numpy(features.compute(features.HOUSEHOLD, state))).double().numpy()


class Crowd:
    """The robots of one search, and the ways they came. Robot i follows try i // COPIES. Not thread-safe."""

    def __init__(self, legs: Expert, tries: int, seed: int, period: float, threads: int = 1) -> None:
        self.legs, self.rng, self.tries, self.count = legs, np.random.default_rng(seed), tries, tries * COPIES
        self.period = period
        self.physics = VectorPhysics(training_model(), self.count, threads)
        self.physics.qpos += self.rng.uniform(-RESET_NOISE, RESET_NOISE, self.physics.qpos.shape)
        self.action, self.gait = np.zeros((self.count, H1.n)), np.zeros(self.count)
        self.target = np.tile(H1.default_pos, (tries, 1))  # of the joints, rad
        self.goal = self.target.copy()  # of the arms, at the end of the segment
        self.place, self.heading = np.zeros((tries, 3)), np.zeros(tries)
        self.place[:, 2] = HEIGHT
        self.memory: dict[str, np.ndarray] = {}  # what a stage of the search notes of each try
        self.senses = Senses(self.physics)
        self._ways: list[tuple[list[np.ndarray], list[np.ndarray], np.ndarray]] = []
        self.scores: list[float] = []
        self._leader = 0

    def begin(self, found: Found) -> None:
        """Puts the robots of every try into the last states of another search."""
        self.physics.qpos[:], self.physics.qvel[:] = (
            np.tile(x, (self.tries, 1)) for x in (found.end.qpos, found.end.qvel)
        )
        self.action[:], self.gait[:] = np.tile(found.end.action, (self.tries, 1)), np.tile(found.end.phase, self.tries)
        self.target[:] = self.goal[:] = H1.target(found.way.command[-1])
        self.place[:], self.heading[:] = found.way.place[-1], found.way.heading[-1]
        self.senses.reset(np.arange(self.count))

    def of_tries(self, value: np.ndarray) -> np.ndarray:
        """The mean (tries, ...) over the robots of each try."""
        return value.reshape(self.tries, COPIES, *value.shape[1:]).mean(axis=1)

    def wander(self, deviations: Sequence[float]) -> None:
        """New goals of the arms, each try's by noise of a deviation (rad) drawn from these."""
        noise = self.rng.normal(size=self.goal.shape) * self.rng.choice(deviations, (self.tries, 1))
        self.goal = np.clip(np.where(ARMS, self.goal + noise, self.goal), H1.lower, H1.upper)

    def segment(self, velocity: np.ndarray, turn: np.ndarray, shown: np.ndarray | None = None) -> Lived:
        """Lives through one segment.

        Args:
            velocity: (tries, 2) of the place, m/s.
            turn: (tries,) of the heading, rad/s.
            shown: actions (SEGMENT, tries, 19) of tries whose arms follow something else, NaN for the others, or None.
        """
        physics, start, states, commands = self.physics, self.target, [], []
        alive, reward = np.ones(self.count, dtype=bool), np.zeros(self.count)
        for i in range(SEGMENT):
            self.gait = np.mod(self.gait + DECISION_DT / self.period, 1.0)
            self.place[:, :2] += DECISION_DT * velocity
            self.heading = self.heading + DECISION_DT * turn
            self.target = start + (self.goal - start) * ((i + 1) / SEGMENT)
            moved = H1.action_of_target(self.target)
            if shown is not None:
                moved = np.where(np.isnan(shown[i]), moved, shown[i])
            states.append((physics.qpos, physics.qvel, self.action, self.gait))
            place, heading = self.place.repeat(COPIES, 0), self.heading.repeat(COPIES)
            walked = footwork(self.legs, physics, self.action, self.gait, place, heading, self.senses)
            self.action = np.clip(np.where(ARMS, moved.repeat(COPIES, 0), walked), -1.0, 1.0)
            commands.append((self.action[::COPIES], self.place.copy(), self.heading))
            signals = physics.step(H1.target(self.action))
            self.senses.update()
            alive &= signals.qpos[:, 2] > _FALLEN_HEIGHT
            reward += door_reward(signals)["reward"] / SEGMENT
        self.target = H1.target(np.clip(moved, -1.0, 1.0))
        self._states = [np.stack([step[i] for step in states]) for i in range(4)]
        self._commands = [np.stack([step[i] for step in commands]) for i in range(3)]
        return Lived(signals, reward, alive)

    def select(self, score: np.ndarray) -> int:
        """Copies the tries that score best on average over the others; returns which was the best."""
        each, score = score.reshape(self.tries, COPIES), self.of_tries(score)
        best = np.argsort(-score)[: max(1, round(self.tries * _SURVIVORS))]
        weight = np.exp((score[best] - score[best[0]]) / 0.5)
        parent = np.concatenate([best, self.rng.choice(best, self.tries - len(best), p=weight / weight.sum())])
        self._ways.append((self._states, self._commands, parent))
        self.scores.append(float(score[best[0]]))
        self._leader = int(each[best[0]].argmax())  # of the best try's robots
        robots = (parent[:, None] * COPIES + np.arange(COPIES)).ravel()
        for owner, names, rows in (
            (self.physics, ("qpos", "qvel"), robots),
            (self.senses, ("left", "right"), robots),
            (self, ("action", "gait"), robots),
            (self, ("target", "goal", "place", "heading"), parent),
        ):
            for name in names:
                setattr(owner, name, getattr(owner, name)[rows].copy())
        self.memory = {name: value[parent].copy() for name, value in self.memory.items()}
        return int(best[0])

    def found(self) -> Found:
        """Follows the survivors' parents back from the best of the last segment."""
        row, states, commands = 0, [], []
        for lived, told, parent in reversed(self._ways):
            row = int(parent[row])
            states.append([array[:, row * COPIES + self._leader] for array in lived])
            commands.append([array[:, row] for array in told])
        command, place, heading = (np.concatenate([part[i] for part in reversed(commands)]) for i in range(3))
        lived = Bank(*(np.concatenate([part[i] for part in reversed(states)]) for i in range(4)))
        end = Bank(self.physics.qpos, self.physics.qvel, self.action, self.gait)[np.arange(COPIES)]
        self.physics.close()
        return Found(Way(command, place, heading, lived), end, self.scores)


def opened(s: Signals) -> np.ndarray:
    """How far each robot has come with opening, (count,): hatch hooked, turned, leaf pulled."""
    hinge, latch = s.qpos[:, -2], s.qpos[:, -1]
    near = np.linalg.norm(s.left_hand - hook_position(hinge, latch), axis=-1)
    shut = 1.5 * np.exp(-near / 0.3) + 1.5 * np.exp(-np.square(near / 0.1)) + 25.0 * np.clip(hinge, 0.0, AJAR)
    shut += 2.5 * np.clip(latch / UNLATCHED, 0.0, 1.0)
    share = np.clip((hinge - AJAR + 0.05) / 0.1, 0.0, 1.0)
    return (1.0 - share) * shut + share * (11.5 + 12.0 * np.clip(hinge - AJAR, 0.0, OPEN - AJAR))


def open_door(legs: Expert, period: float, segments: int = 40, tries: int = 128, seed: int = 0) -> Found:
    """From the task's reset to the leaf open by `OPEN`.

    Args:
        legs: an expert of footwork; reads the household layout.
        period: of its gait, s.
        segments: at most this many.
        tries: side by side.
        seed: of everything random.
    """
    crowd, motions = Crowd(legs, tries, seed, period), replay_all(TIMESTEP)
    rng, physics, last = crowd.rng, crowd.physics, motions.length - SEGMENT
    crowd.memory = {
        "clock": np.full(tries, -1),
        "motion": rng.integers(0, len(motions.place), tries),
        "nudge": np.zeros((tries, 2)),
    }
    for _ in range(segments):
        clock, motion, nudge = (crowd.memory[name] for name in ("clock", "motion", "nudge"))
        hinge, pelvis = crowd.of_tries(physics.qpos[:, -2]), crowd.of_tries(physics.qpos[:, :2])
        near = np.linalg.norm(pelvis - motions.place[motion], axis=-1) < _IN_PLACE
        clock[(clock < 0) & near & (hinge < AJAR / 2) & (rng.random(tries) < 0.8)] = 0
        led = (clock >= 0) & (clock < last) & (rng.random(tries) < np.where(hinge > AJAR / 2, 0.3, 0.85))
        held = crowd.of_tries(physics.qpos[:, 7:ROBOT_NQ])
        crowd.goal = np.where(ARMS, held + (crowd.goal - held) * rng.choice([0.5, 1.0, 1.3], (tries, 1)), crowd.goal)
        crowd.wander([0.0, 0.15, 0.35, 0.7])
        nudge += rng.normal(size=(tries, 2)) * rng.choice([0.0, 0.03, 0.08], (tries, 1))
        nudge = np.clip(nudge, -0.2, 0.2)
        place = np.stack([np.interp(hinge, _WAY_HINGE, _WAY[:, i]) for i in range(2)], axis=-1)
        place = np.where((hinge < _WAY_HINGE[0])[:, None], motions.place[motion], place) + nudge
        velocity = np.clip((place - crowd.place[:, :2]) / (SEGMENT * DECISION_DT), -0.8, 0.8)
        rows = np.clip(clock[None] + np.arange(SEGMENT)[:, None], 0, motions.length - 1)
        shown = motions.action[motion[None], rows]
        shown = np.where(led[None, :, None], shown + 0.03 * rng.normal(size=shown.shape), np.nan)
        lived = crowd.segment(velocity, np.zeros(tries), shown)
        crowd.goal = np.where(led[:, None], crowd.target, crowd.goal)
        given_up = (clock >= 0) & (rng.random(tries) < 0.15)
        clock = np.where(led, clock + SEGMENT, np.where(given_up, -1, clock))
        clock[clock >= last] = -1
        again = (clock < 0) & (rng.random(tries) < 0.2)
        motion = np.where(again, rng.integers(0, len(motions.place), tries), motion)
        crowd.memory = {"clock": clock, "motion": motion, "nudge": nudge}
        crowd.select(np.where(lived.alive, opened(lived.signals), _FALLEN))
        if crowd.of_tries(physics.qpos[:, -2])[0] > OPEN:
            break
    return crowd.found()


def walk_through(
    legs: Expert, period: float, first: Found, segments: int = 24, tries: int = 128, seed: int = 0
) -> Found:
    """From the end of a way that opened the door into the doorway, an arm and a leg behind holding the leaf.

    Args:
        legs: an expert of footwork; reads the household layout.
        period: of its gait, s.
        first: the way so far.
        segments: so many.
        tries: side by side.
        seed: of everything random.
    """
    crowd = Crowd(legs, tries, seed, period)
    crowd.begin(first)
    rng, physics = crowd.rng, crowd.physics
    crowd.memory = {"velocity": np.zeros((tries, 2)), "turn": np.zeros(tries)}
    for _ in range(segments):
        crowd.wander([0.0, 0.1, 0.3, 0.6])
        velocity, turn = crowd.memory["velocity"], crowd.memory["turn"]
        pelvis = crowd.of_tries(physics.qpos[:, :2])
        on = np.where(pelvis[:, :1] < _THROUGH_X, [[_PACE, 0.0]], [[0.05, 0.0]])
        fresh = rng.normal(size=(tries, 2)) * [0.35, 0.3] + on
        velocity = np.where(rng.random((tries, 1)) < 0.5, np.clip(fresh, -0.7, 0.9), velocity)
        turn = np.where(rng.random(tries) < 0.3, 0.8 * rng.normal(size=tries), 0.0)
        turn = np.where(np.abs(crowd.heading + 0.2 * turn) < 0.8, turn, 0.0)
        crowd.place[:, :2] = keep_near(pelvis, crowd.place[:, :2])
        lived = crowd.segment(velocity, turn)
        s = lived.signals
        hinge, x = s.qpos[:, -2], s.imu_x
        stance = np.linalg.norm(s.left_foot - s.right_foot, axis=-1)
        speed = np.linalg.norm(physics.qvel[:, :3], axis=-1) + 0.02 * np.linalg.norm(physics.qvel[:, 6:25], axis=-1)
        score = 10.0 * lived.reward + 10.0 * np.minimum(1.0, hinge * np.abs(hinge)) + _ON * np.clip(x, -0.5, 1.2)
        score += 10.0 * np.clip(hinge - 1.0, 0.0, 0.35) * (x < 0.4)  # more room to pass
        score -= _UPRIGHT * np.clip(0.99 - s.torso_up, 0.0, 1.0) + 10.0 * np.clip(0.93 - s.qpos[:, 2], 0.0, 1.0)
        score -= 1.0 * np.linalg.norm(s.qvel[:, 3:6], axis=-1)  # what tips over falls soon
        score += 3.0 * (x > 0.8) * np.clip(stance, 0.0, 0.6) - 1.5 * (x > _THROUGH_X) * speed
        crowd.memory = {"velocity": velocity, "turn": turn}
        crowd.select(np.where(lived.alive, score, _FALLEN))
        if crowd.of_tries(physics.qpos[:, 0])[0] > _IN_DOORWAY:
            break
    return crowd.found()


def hold_open(legs: Expert, period: float, first: Found, segments: int = 25, tries: int = 128, seed: int = 0) -> Found:
    """From the doorway to where the task pays most, beyond the leaf with the right arm holding it; arguments as before.

    The first half second costs: the leaf falls before the arm has found its place, and is pushed back.
    """
    crowd = Crowd(legs, tries, seed, period)
    crowd.begin(first)
    rng, physics = crowd.rng, crowd.physics
    crowd.memory = {"velocity": np.zeros((tries, 2))}
    for _ in range(segments):
        crowd.wander([0.0, 0.05, 0.15, 0.4])
        fresh = np.clip(0.3 * rng.normal(size=(tries, 2)) + [0.1, 0.0], -0.7, 0.9)
        velocity = np.where(rng.random((tries, 1)) < 0.4, fresh, crowd.memory["velocity"])
        velocity = np.where(rng.random((tries, 1)) < 0.25, 0.0, velocity)
        turn = np.where(rng.random(tries) < 0.3, 0.8 * rng.normal(size=tries), 0.0)
        turn = np.where(np.abs(crowd.heading + 0.2 * turn) < 1.2, turn, 0.0)
        crowd.place[:, :2] = keep_near(crowd.of_tries(physics.qpos[:, :2]), crowd.place[:, :2])
        lived = crowd.segment(velocity, turn)
        s = lived.signals
        soon = np.clip(s.qpos[:, -2] + _SOON * np.minimum(s.qvel[:, -2], 0.0), 0.0, 1.0)
        speed = np.linalg.norm(physics.qvel[:, :3], axis=-1) + 0.02 * np.linalg.norm(physics.qvel[:, 6:25], axis=-1)
        score = 20.0 * (lived.reward + door_reward(s)["reward"]) + 10.0 * np.square(soon)
        score += 4.0 * np.clip(s.imu_x, 0.0, 1.2) - 1.5 * speed - np.linalg.norm(s.qvel[:, 3:6], axis=-1)
        score -= _UPRIGHT * np.clip(0.98 - s.torso_up, 0.0, 1.0) + 10.0 * np.clip(0.93 - s.qpos[:, 2], 0.0, 1.0)
        crowd.memory = {"velocity": velocity}
        crowd.select(np.where(lived.alive, score, _FALLEN))
    return crowd.found()


def follow(legs: Expert, period: float, way: Way, robots: int = 64, seed: int = 0) -> np.ndarray:
    """Hinge and latch angles, pelvis x and height (T, robots, 4) of robots that follow a way from its first state."""
    physics, rng = VectorPhysics(training_model(), robots, 1), np.random.default_rng(seed)
    physics.qpos[:], physics.qvel[:] = way.states.qpos[0], way.states.qvel[0]
    physics.qpos += rng.uniform(-RESET_NOISE, RESET_NOISE, physics.qpos.shape)
    senses, action, seen = Senses(physics), np.tile(way.states.action[0], (robots, 1)), []
    for t in range(len(way)):
        gait, place, heading = np.full(robots, way.states.phase[t]), way.place[t], np.full(robots, way.heading[t])
        walked = footwork(legs, physics, action, gait, np.tile(place, (robots, 1)), heading, senses)
        action = np.clip(np.where(ARMS, way.command[t], walked), -1.0, 1.0)
        physics.step(H1.target(action))
        senses.update()
        seen.append(np.column_stack([physics.qpos[:, -2:], physics.qpos[:, [0, 2]]]))
    physics.close()
    return np.stack(seen)


def search_ways(
    legs: Path, out: Path, seeds: int = 8, tries: int = 320, say: Callable[[str], None] = lambda _: None
) -> None:
    """Searches with several seeds and writes the best ways as `door_open.npz` and `door_pass.npz`.

    Args:
        legs: checkpoint of the expert of footwork.
        out: folder.
        seeds: tried for each of three parts.
        tries: side by side.
        say: told what was found.

    Raises:
        UserError: no seed opened the door.
        CheckpointError: legs that cannot be used, or a way that cannot be written.
    """
    walker, period = load_legs(legs)
    out.mkdir(parents=True, exist_ok=True)

    def best_of(name: str, search: Callable[[int], Found], merit: Callable[[Found], float]) -> Found:
        best, most = None, -np.inf
        for seed in range(seeds):
            found = search(seed)
            x, hinge, worth = *found.end.qpos.mean(axis=0)[[0, -2]], merit(found)
            end = f"ends at x {x:.2f} m with the door at {hinge:.2f} rad"
            say(f"{name}, seed {seed}: {len(found.way)} decisions, {end}")
            if best is None or worth > most:
                best, most = found, worth
        return best

    def share_open(found: Found) -> float:
        return float((follow(walker, period, found.way)[-1, :, 0] > OPENED).mean())

    settings = {"legs": walker, "period": period, "tries": tries}
    first = best_of("open", lambda seed: open_door(seed=seed, **settings), lambda f: share_open(f) - len(f.way) / 1000)
    if not share_open(first):
        raise UserError(f"no seed of {seeds} opened the door: try more seeds, or more tries")
    second = best_of("pass", lambda seed: walk_through(first=first, seed=seed, **settings), lambda f: -len(f.way))
    third = best_of("hold", lambda seed: hold_open(first=second, seed=seed, **settings), lambda f: f.scores[-1])
    whole = shortened(joined(second.way, third.way))
    say(f"the pass takes {len(whole)} decisions of {len(second.way) + len(third.way)}")
    first.way.save(out / "door_open.npz")
    whole.save(out / "door_pass.npz")


def main(argv: Sequence[str] | None = None) -> int:
    """The command of `search_ways`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--legs", type=Path, required=True, help="checkpoint of the expert of footwork")
    parser.add_argument("--out", type=Path, required=True, help="folder")
    parser.add_argument("--seeds", type=int, default=8, help="tried for each part")
    parser.add_argument("--tries", type=int, default=320)
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    try:
        search_ways(args.legs, args.out, args.seeds, args.tries, lambda line: print(line, flush=True))
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
