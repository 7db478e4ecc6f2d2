"""When to switch: whether an expert manages if it takes over from the state at hand."""
