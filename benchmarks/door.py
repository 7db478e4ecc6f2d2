"""How far the door experts have come, on their own, from places along the ways that they follow.

    python benchmarks/door.py --docs docs/door.md

The task's physics, one training seed; the table goes to a page's block "door".
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from metaworld_rt.cli.common import versions
from metaworld_rt.train.expert import bank
from metaworld_rt.train.expert.checkpoint import load_expert
from metaworld_rt.train.expert.door import score_following
from metaworld_rt.train.expert.skill import get_skill
from page import keep

DATA = Path(__file__).parent / "data" / "door.json"
PLACES = {"door_open": (0, 50, 100, 150), "door_pass": (0, 70, 140, 210, 280)}  # decisions along the way


def measure(experts: Path, ways: Path, robots: int, seed: int) -> list[dict]:
    """Scores of every expert from every place."""
    rows = []
    for name, places in PLACES.items():
        actor, content = load_expert(experts / f"{name}.pt")
        way = bank.load(ways / f"{name}.npz")
        for place in places:
            scores, _ = score_following(actor, get_skill(name), [way], robots, seed, begin=min(place, len(way) - 1))
            known = content["provenance"]
            rows.append({"expert": name, "begin": place, "trained": known["decisions"], **scores})
    return rows


def table(document: dict) -> str:
    """The rows as Markdown."""
    lines = [
        f"`benchmarks/door.py`: {document['robots']} robots a row, one training seed, mujoco "
        f"{document['versions']['mujoco']}; until a second after the way's end, "
        "`door_pass` twelve seconds.",
        "",
        "| expert | begins at decision | decisions | still upright | hatch turned | ajar (0.2 rad) | open (0.9 rad) "
        "| hinge at the end | reward a decision |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in document["rows"]:
        shares = " | ".join(f"{100 * row[key]:.0f} %" for key in ("upright", "turned", "ajar", "opened"))
        mean = row["return_mean"] / row["decisions"]
        lines.append(
            f"| `{row['expert']}` | {row['begin']} | {row['decisions']} | {shares} | {row['door']:.2f} | {mean:.2f} |"
        )
    return "\n".join(lines)


def main() -> int:
    """Measure, write the JSON, and the table where it is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experts", type=Path, default=Path("models/checkpoints"))
    parser.add_argument("--ways", type=Path, default=Path("models/checkpoints/door"))
    parser.add_argument("--robots", type=int, default=64)
    parser.add_argument("--seed", type=int, default=1234)
    parser.add_argument("--docs", type=Path, help='a page with a block "door"')
    args = parser.parse_args()
    torch.set_num_threads(1)
    document = {"schema": "metaworld_rt.door/1", "robots": args.robots, "seed": args.seed, "versions": versions()}
    document["rows"] = measure(args.experts, args.ways, args.robots, args.seed)
    keep(document, DATA, args.docs, "door", table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
