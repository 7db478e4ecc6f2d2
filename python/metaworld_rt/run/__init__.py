"""A run: plant, C++ loop, semantic layer and what is seen of them."""
