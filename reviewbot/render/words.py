"""What every format for people says in the same words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from reviewbot.anchors import Comment
from reviewbot.findings import Severity, Status
from reviewbot.merging import SAME
from reviewbot.report import Coverage, Report, TotalUsage
from reviewbot.text import listed, plural, visible

TICKS = {
    Status.PASS: "✓",
    Status.FAIL: "✗",
    Status.NOT_APPLICABLE: "-",
    Status.UNANSWERED: "?",
}


def verdict(report: Report) -> str:
    """The result in one line; never a clean one for an incomplete review."""
    found = _found(report)
    match report.status:
        case "complete":
            return found if report.standing else "No findings."
        case "incomplete":
            return f"INCOMPLETE: not everything was reviewed. So far {found}."
        case "failed":
            result = "FAILED: nothing could be reviewed."
        case _:
            result = "Nothing to review."
    return f"{result} {found}." if report.standing else result


def _found(report: Report) -> str:
    """How many findings count; where some were said before, how many of them are new."""
    standing = report.standing
    found = plural(len(standing), "finding")
    if standing:
        found += f" ({severities(standing)})"
    old = sum(comment.state == "open" for comment in standing)
    if not old:
        return found
    if old == len(standing):
        return f"{found}, still open"
    return f"{found}: {len(standing) - old:,} new, {old:,} still open"


def line(text: str) -> str:
    """Text of any origin as one line without hidden characters."""
    return visible(" ".join(text.split()))


def dropped(report: Report) -> str:
    """How many findings stand in the JSON report only, and why; empty where none do."""
    reasons = [each.drop_reason or "" for each in report.findings if each.state == "dropped"]
    reasons = [reason for reason in reasons if not reason.startswith(SAME)]
    if not reasons:
        return ""
    return f"{len(reasons)} more in the JSON report only: {'; '.join(sorted(set(reasons)))}"


def severities(comments: Iterable[Comment]) -> str:
    """As in `1 critical, 2 high`."""
    counts = Counter(comment.severity for comment in comments)
    return ", ".join(f"{counts[level]} {level}" for level in Severity if counts[level])


def names(comment: Comment) -> str:
    """The checklists that found it, and the tools that say the same."""
    return line(", ".join((*comment.checklists, *comment.sources)))


def place(comment: Comment) -> str:
    """`path:line`, which terminals and editors open; lines of the old version say so."""
    if comment.line is None:
        return comment.path
    old = " (removed line)" if comment.side == "old" else ""
    return f"{comment.path}:{comment.line}{old}"


def usage(report: Report) -> str:
    """Calls, tokens, cached share, dollars and seconds in one line."""
    used = report.usage
    if not used.calls:
        return "no answered call" if report.status == "failed" else "no call to the model"
    left = used.budget_left_usd
    on_the_key = "" if left is None else f", ${left:.2f} left on the key"
    return f"{taken(used)}, {used.seconds:.1f} s{on_the_key}"


def taken(used: TotalUsage) -> str:
    """Calls, what was looked up in them, tokens, cached share and dollars."""
    cached = used.cached_tokens / used.input_tokens if used.input_tokens else 0.0
    cost = f"${used.cost_usd:.4f}" if used.cost_usd is not None else "price unknown"
    looked = f"{plural(used.look_ups, 'look-up')}, " if used.look_ups else ""
    return (
        f"{plural(used.calls, 'call')} ({', '.join(used.models)}), {looked}"
        f"{used.input_tokens:,} tokens in ({cached:.0%} cached), {used.output_tokens:,} out, {cost}"
    )


def files(report: Report) -> str:
    """How many files were read, left out, and not read although they should have been."""
    order = ("skipped", "reviewed", "failed")
    status: dict[str, str] = {}
    for entry in report.coverage:
        seen = status.get(entry.path, "skipped")
        status[entry.path] = max(seen, entry.status, key=order.index)
    counts = Counter(status.values())
    parts = [f"{plural(counts['reviewed'], 'file')} read"]
    parts += [f"{counts['skipped']} left out"] if counts["skipped"] else []
    parts += [f"{counts['failed']} not or not wholly read"] if counts["failed"] else []
    return ", ".join(parts)


def exceptions(report: Report) -> list[str]:
    """What was not read and why: one line for each reason, the failures first."""
    everything = {entry.checklist for entry in report.coverage}
    lines = []
    for status, words in (("failed", "not read"), ("skipped", "left out")):
        for reason, names, paths in _reasons(report.coverage, status):
            only = "" if set(names) == everything else f" for {', '.join(names)}"
            lines.append(f"{words}{only}: {listed(paths)}: {reason}")
    return lines


def _reasons(
    coverage: Iterable[Coverage], status: str
) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Each reason with its checklists and its paths."""
    paths: dict[tuple[str, str], list[str]] = {}
    for entry in coverage:
        if entry.status == status:
            paths.setdefault((entry.reason, entry.checklist), []).append(entry.path)
    names: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (reason, checklist), found in paths.items():
        names.setdefault((reason, tuple(found)), []).append(checklist)
    for (reason, found_paths), checklists in names.items():
        yield reason, tuple(checklists), found_paths
