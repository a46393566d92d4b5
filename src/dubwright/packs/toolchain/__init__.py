"""uv and the Pythons of this machine."""
