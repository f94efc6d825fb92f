"""Patch ids of running cases: id, reason, date, earliest removal date.

An id is called at the top of a phase through `workflow.patched`, never in a handler; see docs/operations.md,
"Upgrading". `SOUND_COMMANDS` alone is called where a message is judged, and only of one that it refuses;
`DUPLICATE_TOLD` where opening has found another case, `CERTIFICATE_ANEW` where a grant follows a revocation,
`VALID_WHEN_DECIDED` where what is granted would be over.
"""

RENEWAL_REMINDED = "renewal-reminded"
"""A person whose entitlement ends is told once that a renewal is due, when its window opens.

Called at the top of a year, and only of an entitlement that ends; a run of 0.1.0 goes on without until its year is
over. 2026-11-22, release 0.2.0. A run lasts a year and waits may prolong it: not to be removed before 2028-06-01.
"""

RECHECK_RENEWS_RULES = "recheck-renews-rules"
"""A recheck takes over the policy and the calendar in force on its day: the case slept for most of a year.

2026-11-22, release 0.2.0. A run lasts a year and waits may prolong it: not to be removed before 2028-06-01.
"""

SOUND_COMMANDS = "sound-commands"
"""What `domain.soundness` is against is refused: a reason without words, a number nobody can be reached at.

Called only where it would refuse, so that the usual path has not one event more; a case of 0.3.0 that has carried out
such a command goes on as it was until its run is over. A rule there may not be loosened under this id: a run that has
refused by it refuses again when it is replayed.
2026-11-22, release 0.4.0. A run lasts a year and waits may prolong it: not to be removed before 2028-06-01.
"""

DUPLICATE_TOLD = "duplicate-told"
"""Whoever applied is told that the application was not accepted because another case of the disease stands.

Called only where that case is found; an application of 0.3.0 ended there without a word.
2026-11-22, release 0.4.0. Such a run ends within a moment of its opening: not to be removed before 2027-06-01.
"""

CERTIFICATE_ANEW = "certificate-anew"
"""A grant after a denial that revoked the certificate issues another, also where the day of its effect is the same.

Called at a grant, and only after such a denial; a case of 0.3.0 that was granted so has a revoked certificate alone.
2026-11-22, release 0.4.0. A run lasts a year and waits may prolong it: not to be removed before 2028-06-01.
"""

VALID_WHEN_DECIDED = "valid-when-decided"
"""The years of an entitlement count from the decision where, from its effect, they would be over at its grant.

Called only of such a one, where its certificate is issued and where it is granted; one of 0.3.0 was granted and
expired at the same moment.
2026-11-22, release 0.4.0. Such a run ends at its grant, which objections and an appeal may put off: not to be removed
before 2028-06-01.
"""
