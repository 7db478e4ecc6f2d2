"""Dynamic selection p(i|s): which expert does best from here (MetaWorld, arXiv 2601.17507)."""
