"""The generated sample with known truth, and the score of a dub against it."""
