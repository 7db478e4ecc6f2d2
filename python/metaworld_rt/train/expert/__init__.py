"""Stage 1: experts trained with PPO on the vectorised tasks."""
