"""HumanoidBench's h1 tasks stand, walk, run, reach and door, rebuilt from their published facts."""

from metaworld_rt.tasks.env import H1Env, env_id, register
from metaworld_rt.tasks.task import EPISODE_DECISIONS, TASKS, Task, get_task

__all__ = ["EPISODE_DECISIONS", "TASKS", "H1Env", "Task", "env_id", "get_task", "register"]

register()
