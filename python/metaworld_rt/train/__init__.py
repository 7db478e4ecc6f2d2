"""The training stages: experts, gate, world model, semantic matcher."""
