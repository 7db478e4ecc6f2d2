"""`python -m metaworld_rt.train.semantic`: trains the embedded model without the command line around it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from .pipeline import Settings, train, train_eye_on_scenes, train_planner_on_sentences


def main() -> None:
    """Trains all of it, or one half (the other can run beside it)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("models/semantic"))
    parser.add_argument("--work", type=Path, default=Path("runs/semantic"), help="checkpoints and caches")
    parser.add_argument("--only", choices=["eye", "planner"], help="train one half, export nothing")
    for name, default in vars(Settings()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=str if default is None else int, default=default)
    args = vars(parser.parse_args())
    out, work, only = args.pop("out"), args.pop("work"), args.pop("only")
    settings = Settings(**args)
    if only == "eye":
        figures = train_eye_on_scenes(work, settings)[1]
    elif only == "planner":
        figures = train_planner_on_sentences(work, settings)[1]
    else:
        figures = train(out, work, settings)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
