"""Building packs aside, checking them, swapping them in."""
