"""The official Spleeter, run on its own graph in slices."""
