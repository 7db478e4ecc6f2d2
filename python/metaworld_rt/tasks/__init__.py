"""HumanoidBench's h1 tasks stand, walk, run, reach and door, rebuilt from their published facts."""
