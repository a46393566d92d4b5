"""The recipe of the shipped separator: data, training, export, evaluation. Never imported by the program."""
