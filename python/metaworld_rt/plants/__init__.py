"""Simulated plants: the H1 robot model, its scenes, and MuJoCo running in real time."""
