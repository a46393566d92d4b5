"""First half of ``tts_preview_pyttsx3_v1``: every line at its natural speed, into the cache."""

from __future__ import annotations

from dubwright.stages.base import StageContext, StageResult
from dubwright.stages.fit import current
from dubwright.stages.lines import PACK, read_script, speak

NAME = "speak"
VERSION = 1


def run(ctx: StageContext) -> StageResult:
    """Speak what is not spoken yet; ``fit`` then makes the artifact.

    Raises Problems ``no-translation``, ``no-voice``, ``voice-unknown``, ``pack-not-installed``.
    """
    script = read_script(ctx)
    ctx.packs.require(PACK)
    if current(ctx, script) is not None:
        return StageResult(None, cached=True)
    speak(ctx, ((line, 1.0) for line in script.lines), script.language)
    return StageResult(None, info={"lines": len(script.lines)})
