"""The whole program, run as a person runs it: real packs, real films, real trouble."""
