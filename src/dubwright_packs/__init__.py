"""Backends and packs, one folder each. The host never imports them."""
