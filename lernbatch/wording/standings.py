"""Where learners stand, in words: the standings of figures as chips, pills and sentences. Pure."""

from __future__ import annotations

from lernbatch.figures.model import Sentence, Standing
from lernbatch.wording import awards
from lernbatch.wording.words import N_, Words

# Standing → the class of its pill, and its name. The order is that of urgency.
NAMES = {
    Standing.ONE_STEP: ("warn", N_("One step from a certificate")),
    Standing.NO_ATTEMPT_LEFT: ("bad", N_("No attempt left")),
    Standing.STOPPED: ("bad", N_("Stopped")),
    Standing.SLIPPING: ("warn", N_("Slipping")),
    Standing.BEHIND: ("warn", N_("Behind")),
    Standing.NEVER_STARTED: ("", N_("Never started")),
    Standing.ON_PACE: ("good", N_("On pace")),
    Standing.COMPLETED: ("good", N_("Completed")),
    Standing.CERTIFIED: ("good", N_("Certified")),
    Standing.LEFT: ("", N_("Left")),
}


def in_words(sentence: Sentence, words: Words) -> str:
    """What is said of where a learner stands."""
    _, values = words._, sentence.values
    name = values.get("name") or _("one part")
    match sentence.key:
        case "never-started" if not values["days"]:
            return _("joined today, opened nothing")
        case "never-started":
            return words.ngettext(
                "joined %(num)s day ago, opened nothing", "joined %(num)s days ago, opened nothing", values["days"]
            )
        case "slipping" | "stopped" if values.get("unitName"):
            return words.ngettext(
                "not seen for %(num)s day, in %(unit)s",
                "not seen for %(num)s days, in %(unit)s",
                values["days"],
                unit=values["unitName"],
            )
        case "slipping" | "stopped":
            return words.ngettext("not seen for %(num)s day", "not seen for %(num)s days", values["days"])
        case "behind":
            return _("%(percent)s done, too slow for the last day", percent=words.percent(values["percentage"] / 100))
        case "on-pace":
            return _("%(percent)s done, on pace", percent=words.percent(values["percentage"] / 100))
        case "one-step" | "no-attempt-left":
            return _("only %(name)s is missing", name=name)
        case "one-step-score" | "no-attempt-left-score":
            percent, needed = words.percent(values["percent"] / 100), values.get("wanted")
            if needed is None:
                return _("%(name)s stands at %(percent)s", name=name, percent=percent)
            bound = awards.percent_bound(awards.read_bound(needed), words)
            return _("%(name)s stands at %(percent)s, it needs %(bound)s", name=name, percent=percent, bound=bound)
        case "completed":
            return _("completed, without a certificate")
        case "certified":
            return _("has the certificate")
        case _other:
            return _("has left the batch")
