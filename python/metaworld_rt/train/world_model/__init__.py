"""The latent world model (TD-MPC2, arXiv 2310.16828): networks, losses, replay, the PyTorch planner, training."""
