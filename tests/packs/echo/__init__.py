"""A pack without dependencies that proves the wall: it upper-cases lines, or misbehaves as asked."""
