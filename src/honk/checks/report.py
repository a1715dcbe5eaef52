"""A verdict in words for the agent: very short when all is well, otherwise what has to be acted upon."""

from honk.domain.condense import bounded
from honk.domain.verdict import Answer, Finding, Verdict

_LIMIT = 12_000


def words(verdict: Verdict) -> str:
    """Untrusted: it holds output of the repository's own programs."""
    if verdict.base_broken:
        return f"The base itself is broken: {verdict.base_broken}"
    if verdict.answer is Answer.PASS:
        passed = ", ".join(f"{one.verifier} ({one.summary})" for one in verdict.findings if one.counts)
        return f"Verified: pass. {passed}"
    bad = [one for one in verdict.findings if one.counts and one.answer is not Answer.PASS]
    good = [one.verifier for one in verdict.findings if one.counts and one.answer is Answer.PASS]
    bad.sort(key=lambda one: one.answer is not Answer.FAIL)
    parts = [f"Verified: {verdict.answer.value}."]
    parts += [_paragraph(one) for one in bad]
    parts += [f"Not proven: {sentence}" for sentence in verdict.not_proven]
    if good:
        parts.append(f"Passed: {', '.join(good)}")
    return bounded("\n\n".join(parts), _LIMIT)


def _paragraph(finding: Finding) -> str:
    lines = [f"{finding.verifier}: {finding.answer.value}: {finding.summary}"]
    if finding.failing_before:
        lines.append(f"({len(finding.failing_before)} were failing before and do not count)")
    for evidence in finding.evidence:
        if evidence.condensed:
            lines.append(f"$ {evidence.command}\n{evidence.condensed}")
    return "\n".join(lines)
