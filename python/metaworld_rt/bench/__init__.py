"""Speed, always beside its peers in the same process run."""
