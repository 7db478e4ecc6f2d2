"""Backends that fail in every way, as objects and (run as a script) as a child process."""

import json
import math
import sys
import time

from metaworld_rt.semantic import Goal, SkillPlan, StagePlan, Until

NAMES = ["stand", "walk", "run"]
SKILLS = [("stand", "stands still"), ("walk", "walks"), ("run", "runs")]


def plan(*skills, **changes):
    return SkillPlan(tuple(StagePlan({skill: 1.0}) for skill in skills), **changes)


class Chaos:
    """`mode` says how it fails, `good` that it does not, `told` that each instruction names the mode."""

    name = "chaos"

    def __init__(self, mode="good", hang_s=60.0):
        self.mode, self.hang_s, self.calls, self.names = mode, hang_s, 0, NAMES

    def plan(self, instruction, image, skills, state_summary=None):
        self.calls += 1
        self.names = [name for name, _ in skills]
        return getattr(self, instruction if self.mode == "told" else self.mode)()

    def good(self):
        return plan("walk")

    def raising(self):
        raise RuntimeError("no")

    def hanging(self):
        time.sleep(self.hang_s)
        return plan("walk")

    def garbage(self):
        return b"\xff\x00 garbage"

    def nothing(self):
        return None

    def nan(self):
        return SkillPlan((StagePlan({"walk": math.nan, "stand": 0.5}),))

    def infinite_goal(self):
        return SkillPlan((StagePlan({"walk": 1.0}, Goal(speed=math.inf)),))

    def negative(self):
        return SkillPlan((StagePlan({"walk": 1.5, "stand": -0.5}),))

    def too_few(self):
        return SkillPlan(())

    def too_many(self):
        return plan(*["walk"] * 9)

    def huge_text(self):
        return plan("walk", text="x" * 10_000_000, message="y" * 10_000_000)

    def wrong_names(self):
        return plan("fly")

    def changing(self):
        return plan(self.names[self.calls % len(self.names)], "stand" if self.calls % 2 else "walk")

    def lying_about_until(self):
        return SkillPlan((StagePlan({"walk": 1.0}, until="rm -rf"),))

    def wild_thresholds(self):
        return SkillPlan((StagePlan({"walk": 1.0}, Goal(1e9, 1e9, (1e9, 1e9, 1e9)), Until.distance, 1e9, 1e9),))


# What each mode must be counted as; None: it is no fault that can be seen in one answer.
KINDS = {
    "raising": "exception",
    "hanging": "timeout",
    "garbage": "garbage",
    "nothing": "garbage",
    "nan": "non_finite",
    "infinite_goal": "non_finite",
    "negative": "negative",
    "too_few": "too_few",
    "too_many": "too_many",
    "wrong_names": "unknown_skill",
    "lying_about_until": "garbage",
    "huge_text": "garbage",
    "changing": None,
    "wild_thresholds": None,
}


def child(mode):
    """A child that speaks the protocol, or does not."""
    from metaworld_rt.semantic.worker import frame, read, serve

    source, sink = sys.stdin.buffer, sys.stdout.buffer
    read(source)
    if mode in KINDS or mode in ("good", "told"):
        return serve(Chaos(mode), source, sink)
    while (data := read(source)) is not None:
        header = json.loads(data)
        answer = {
            "noise": b"Loading checkpoint shards: 100%\n" * 10,
            "huge": frame(json.dumps({"id": header["id"], "plan": {"text": "x" * 10_000_000}}).encode()),
            "endless": (1 << 31).to_bytes(4, "little"),
            "not json": frame(b"\xff" * 100),
            "deep": frame(b"[" * 100_000),
            "no plan": frame(json.dumps({"id": header["id"]}).encode()),
            "old id": frame(json.dumps({"id": header["id"] - 1, "plan": plan("run").to_json()}).encode()),
            "half": frame(b"x" * 1000)[:500],
            "exits": None,
        }[mode]
        if answer is None:
            sys.exit(3)
        try:
            sink.write(answer)
            sink.flush()
        except BrokenPipeError:
            return None
    return None


if __name__ == "__main__":
    child(sys.argv[1])
