"""Spleeter's networks on our own engine. The packs of 4 and 5 stems are this one with other weights."""
