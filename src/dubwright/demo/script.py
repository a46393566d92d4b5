"""What is said in the sample. Written for this project."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ScriptLine:
    """One line: who, in English and Spanish, and the pause before it."""

    speaker: str
    english: str
    spanish: str
    pause_s: float


SPEAKERS = {"Ada": "en-us+f2", "Ben": "en-us+m3"}
"""Speaker to espeak-ng voice; the two differ in pitch by about an octave."""
PITCH_HZ = {"Ada": 205.0, "Ben": 105.0}
HEAD_S = 1.6
"""Music alone before the first line."""
TAIL_S = 1.8

LINES: tuple[ScriptLine, ...] = (
    ScriptLine("Ada", "Good morning. Thank you for visiting the old lighthouse.",
               "Buenos días. Gracias por visitar el viejo faro.", 0.0),
    ScriptLine("Ben", "It is a pleasure. How long have you worked here?",
               "Es un placer. ¿Cuánto tiempo lleva trabajando aquí?", 0.6),
    ScriptLine("Ada", "Almost twenty years. I came for one summer, and I stayed.",
               "Casi veinte años. Vine por un verano y me quedé.", 0.5),
    ScriptLine("Ben", "And what does a keeper do all day?",
               "¿Y qué hace un farero durante todo el día?", 0.7),
    ScriptLine("Ada", "I clean the lamp, I watch the weather, and I write everything down.",
               "Limpio la lámpara, vigilo el tiempo y lo anoto absolutamente todo.", 0.5),
    ScriptLine("Ben", "Do you ever feel lonely?",
               "¿Y no se siente sola alguna vez aquí arriba?", 0.9),
    ScriptLine("Ada", "Never. The ships are my neighbors, and the storm is my clock.",
               "Nunca. Los barcos son mis vecinos y la tormenta es mi reloj.", 0.5),
    ScriptLine("Ben", "Then show me the light, please, before the fog comes in.",
               "Entonces enséñeme la luz, por favor, antes de que llegue la niebla.", 0.6),
)  # fmt: skip
