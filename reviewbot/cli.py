"""The command line: options in, exit codes out. Nothing heavy is imported before it is needed."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

import click

from reviewbot import __version__, crash
from reviewbot.errors import GatewayError, OutputError, ReviewbotError, UsageError
from reviewbot.text import harmless, plural, visible

if TYPE_CHECKING:
    from reviewbot.change import Span
    from reviewbot.git import Repository
    from reviewbot.local import Wish
    from reviewbot.pull_request import Order

SEVERITIES = ("critical", "high", "medium", "low", "info")
_BY_ENVIRONMENT = ("model", "effort", "budget")
FORMATS = ("text", "json", "markdown", "gitlab")

_EPILOG = """\b
Exit codes, the first that applies:
  130  interrupted
   70  a bug in reviewbot
    2  usage or configuration, a missing gateway address too
    1  a finding at or above --fail-on
    4  gateway or key, a missing key too
    5  the finished report could not be delivered
    3  incomplete: something that should have been reviewed was not
    0  all is well
"""


def main() -> NoReturn:
    """Run the program; every expected failure ends in one clear line and its exit code."""
    _replace_closed_streams()
    crash.keep_quiet()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # and clean up
    try:
        code = cli.main(prog_name="reviewbot", standalone_mode=False)
    except click.exceptions.Abort:
        _fail("interrupted; nothing is written", 130)
    except click.ClickException as error:
        _explain(error)
        sys.exit(UsageError.exit_code)
    except ReviewbotError as error:
        _fail(error.sentences, error.exit_code)
    except Exception as error:  # noqa: BLE001 - nobody is above but Python, which shows all it holds
        click.echo(crash.report(error), err=True)
        sys.exit(crash.EXIT_CODE)
    sys.exit(code if isinstance(code, int) else 0)


def _replace_closed_streams() -> None:
    """Have something to write to, and nothing to read, where the caller has closed a stream."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            nothing = Path(os.devnull).open("r+", encoding="utf-8")  # noqa: SIM115 - to the end
            setattr(sys, name, nothing)


def _explain(error: click.ClickException) -> None:
    """What click says of a mistake; what it quotes of the arguments is shown, and does nothing."""
    said = StringIO()
    error.show(said)
    click.echo(harmless(_visible(said.getvalue())), err=True, nl=False)


def _visible(text: str) -> str:
    return "\n".join(map(visible, text.split("\n")))


def _fail(message: str, code: int) -> NoReturn:
    _say(message)
    sys.exit(code)


def _say(message: str) -> None:
    click.echo(harmless(f"reviewbot: {visible(message)}"), err=True)


def _show(text: str) -> None:
    from reviewbot.output import Destination  # noqa: PLC0415

    Destination(None, "text").write(_visible(text))


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EPILOG)
@click.version_option(__version__, prog_name="reviewbot")
def cli() -> None:
    """Review a branch like a careful colleague, through your own LiteLLM key.

    \b
    Begin with:
      reviewbot demo                    see a review, without a key
      export AI_GATEWAY_URL=https://…   your LiteLLM proxy
      export LITELLM_API_KEY=sk-…       your virtual key
      reviewbot diff main --dry-run     what would be sent, and its price
      reviewbot diff main               review this branch
      reviewbot doctor                  when something does not work
    """  # noqa: D301 - click keeps the lines after a true backspace


def _names(_: click.Context, __: click.Parameter, value: str | None) -> list[str] | None:
    return None if value is None else [name.strip() for name in value.split(",") if name.strip()]


def _variable(name: str) -> dict[str, Any]:
    return {"envvar": f"REVIEWBOT_{name}", "show_envvar": True}


# What a review is to be like; for each the variable that says the same.
_SETTINGS = {
    "checklists": click.option(
        "--checklist",
        "checklists",
        metavar="NAME,…",
        callback=_names,
        help="Checklists to run.",
        **_variable("CHECKLISTS"),
    ),
    "model": click.option(
        "--model", metavar="NAME", help="Model, by its name at the gateway.", **_variable("MODEL")
    ),
    "effort": click.option(
        "--effort",
        type=click.Choice(("low", "medium", "high")),
        help="Choose the model: claude-haiku (all checklists in one call), claude-sonnet, "
        "claude-opus.",
        **_variable("EFFORT"),
    ),
    "budget": click.option(
        "--budget",
        type=float,
        metavar="USD",
        help="Dollars that this may cost at most, retries included.  [default: 1.00]",
        **_variable("BUDGET"),
    ),
    "min_severity": click.option(
        "--min-severity", type=click.Choice(SEVERITIES), help="Show findings from this severity on."
    ),
    "fail_on": click.option(
        "--fail-on",
        type=click.Choice((*SEVERITIES, "none")),
        help="Exit with 1 on a finding of this severity or worse.",
        **_variable("FAIL_ON"),
    ),
    "jobs": click.option("--jobs", type=int, metavar="N", help="Calls side by side.  [default: 6]"),
    "timeout": click.option(
        "--timeout", type=float, metavar="SECONDS", help="For all calls.  [default: 600]"
    ),
    "call_timeout": click.option(
        "--call-timeout", type=float, metavar="SECONDS", help="For one.  [default: 180]"
    ),
}


def _with(*keys: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator that gives a command these of the settings."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for key in reversed(keys):
            command = _SETTINGS[key](command)
        return command

    return decorate


_settings = _with(*_SETTINGS)
_chosen_by = _with("checklists", "model", "effort")  # those that choose models


def _overrides(context: click.Context, options: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
    """The settings that were given outright, each with where."""
    given = {key: options[key] for key in _SETTINGS if options.get(key) is not None}
    return {key: (_origin(context, key), value) for key, value in given.items()}


_CONFIG = click.option(
    "--config",
    "config_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Settings, in place of the repository's .reviewbot.yaml.",
)


_OFFLINE = click.option(
    "--offline",
    is_flag=True,
    help="Ask no model, and need no gateway: look for hard-coded credentials only.",
)


_HINTS = click.option(
    "--hints",
    metavar="FILE",
    multiple=True,
    help="What a linter or scanner has found, as SARIF 2.1.0: of what is on added lines, the model "
    "is asked to confirm what is really wrong. Repeatable.",
    **_variable("HINTS"),
)


def _hints(options: Mapping[str, Any]) -> tuple[Path, ...]:
    if options["hints"] and options["offline"]:
        raise UsageError("--offline and --hints do not go together", "Hints are for a model.")
    return tuple(map(Path, options["hints"]))


@cli.command()
@click.argument("base", required=False)
@click.argument("head", required=False)
@click.option("--committed", is_flag=True, help="Only what is committed: BASE...HEAD.")
@click.option("--staged", is_flag=True, help="What is staged for the next commit.")
@click.option("--uncommitted", is_flag=True, help="What is not committed, with untracked files.")
@click.option("--commit", "commit_", metavar="REV", help="One commit.")
@click.option(
    "--patch",
    type=click.File("rb"),
    help="A unified diff in a file, or - for standard input; no repository is needed.",
)
@click.option(
    "--include",
    metavar="GLOB",
    multiple=True,
    help="Review only these files; as in .gitignore, from the top of the repository. Repeatable.",
)
@click.option("--exclude", metavar="GLOB", multiple=True, help="Leave these out. Repeatable.")
@_settings
@_OFFLINE
@_HINTS
@click.option("--dry-run", is_flag=True, help="Send no code: show files, batches, tokens, dollars.")
@click.option("--format", "format_", type=click.Choice(FORMATS), help="Form of the report.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Write the report to a file; .json, .md or .txt says the format.",
)
@_CONFIG
@click.option(
    "--record",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write prompts and answers, so your code, to a new folder.",
)
@click.option(
    "--replay",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Take the answers from such a folder: no gateway, no key, no cost.",
)
@click.pass_context
def diff(context: click.Context, /, **options: Any) -> int:
    """Review the changes of a branch, a commit or a patch.

    \b
    reviewbot diff                what this branch adds to the default branch,
                                  with all that is not committed yet
    reviewbot diff main           the same against main
    reviewbot diff main feature   what the branch feature adds to main
    reviewbot diff v1.0...v1.1    the same with three dots
    reviewbot diff --commit HEAD  the last commit
    git diff | reviewbot diff --patch -

    The gateway's address is read from AI_GATEWAY_URL or LITELLM_BASE_URL, its key from
    LITELLM_API_KEY; or from OPENAI_BASE_URL and OPENAI_API_KEY; or from CODER_URL and
    CODER_SESSION_TOKEN. The diff goes there and nowhere else.
    """  # noqa: D301 - as above
    from reviewbot import local  # noqa: PLC0415 - slow, and not needed for --help
    from reviewbot.output import Destination  # noqa: PLC0415
    from reviewbot.progress import Progress  # noqa: PLC0415

    destination = Destination.of(options["output"], options["format_"])
    wish = _wish(context, options)
    modes = [name for name in ("offline", "dry_run", "record", "replay") if options[name]]
    if len(modes) > 1:
        named = " and ".join(f"--{name.replace('_', '-')}" for name in modes)
        raise UsageError(f"{named} do not go together")
    if options["dry_run"]:
        if destination.format not in ("text", "json"):
            hint = f"Leave out --format {destination.format}."
            raise UsageError("a dry run is shown as text or json", hint)
        keep = destination.format == "json"
        rehearsal = local.rehearse(wish, os.environ, keep_messages=keep)
        destination.write(rehearsal.to_json() if keep else rehearsal.to_text())
        return 0
    report, config = local.review(wish, os.environ, Progress(sys.stderr))
    code = report.exit_code(config.fail_on)
    try:
        destination.write_report(report)
    except OutputError as error:
        _say(error.sentences)
        return code if code in (1, GatewayError.exit_code) else error.exit_code
    return code


def _wish(context: click.Context, options: dict[str, Any]) -> Wish:
    from reviewbot.local import Wish  # noqa: PLC0415

    patch: BinaryIO | None = options["patch"]
    return Wish(
        span=_span(options),
        patch=patch,
        overrides=_overrides(context, options),
        include=options["include"],
        exclude=options["exclude"],
        config_file=options["config_file"],
        output=options["output"],
        record=options["record"],
        replay=options["replay"],
        offline=options["offline"],
        hints=_hints(options),
    )


def _origin(context: click.Context, key: str) -> str:
    source = context.get_parameter_source(key)
    if source == click.core.ParameterSource.ENVIRONMENT:
        return f"REVIEWBOT_{key.upper()}"
    return next(each.opts[0] for each in context.command.params if each.name == key)


def _span(options: dict[str, Any]) -> Callable[[Repository], Span] | None:
    """What to compare, as a function of the repository, or None for a patch."""
    from reviewbot import change  # noqa: PLC0415

    modes = [name for name in ("staged", "uncommitted", "commit_", "patch") if options[name]]
    if "" in (options["base"], options["head"], options["commit_"]):
        raise UsageError("a revision is empty", "Is a variable of your script not set?")
    base, head = _range(options["base"], options["head"])
    named = [f"--{name.rstrip('_')}" for name in modes]
    if len(modes) > 1 or (modes and (base or head or options["committed"])):
        raise UsageError(f"{' and '.join(named)} cannot go with another choice of changes")
    if options["patch"]:
        return None
    if options["staged"]:
        return change.staged
    if options["uncommitted"]:
        return change.uncommitted
    if options["commit_"]:
        return lambda repository: change.commit(repository, options["commit_"])
    head = head or ("HEAD" if options["committed"] else None)
    return lambda repository: change.branch(repository, base, head)


def _range(base: str | None, head: str | None) -> tuple[str | None, str | None]:
    """`BASE...HEAD` as two; an empty side of it means what it means to git."""
    if base is None or "..." not in base:
        return base, head
    if head is not None:
        raise UsageError("a range BASE...HEAD stands alone", "Leave out the second revision.")
    left, _, right = base.partition("...")
    return left or "HEAD", right or "HEAD"


_REPORT = click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Write the report to a file; .json, .md or .txt says the format.",
)
_CI_CONFIG = click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    help="Settings, in place of the repository's own; read at the base commit if it lies there.",
    **_variable("CONFIG"),
)


@cli.command()
@_settings
@_OFFLINE
@_HINTS
@click.option(
    "--no-post",
    is_flag=True,
    help="Post nothing: `reviewbot post` does it, in a job that may write.",
    **_variable("NO_POST"),
)
@_REPORT
@_CI_CONFIG
@click.pass_context
def ci(context: click.Context, /, **options: Any) -> int:
    """Review the pull request of this CI job, and post what is new.

    It knows the job by the variables of GitHub Actions or GitLab CI. Comments are posted at the
    lines they are about, each once; one summary is kept up to date. Settings, checklists and guides
    are read at the commit that the pull request began at: nothing of the pull request decides how
    it is reviewed.

    \b
    AI_GATEWAY_URL, LITELLM_API_KEY  the gateway and the key for it
    GITHUB_TOKEN                     reads the pull request and writes the comments:
                                     contents: read, pull-requests: write
    GITLAB_TOKEN                     the same for merge requests: a project or group access
                                     token, role Developer, scope api
    """  # noqa: D301 - as above
    from reviewbot.pull_request import Order  # noqa: PLC0415

    order = Order(
        overrides=_overrides(context, options),
        config_file=options["config_file"],
        post=not options["no_post"],
        offline=options["offline"],
        hints=_hints(options),
    )
    return _run_in_ci(order, options["output"])


@cli.command()
@click.argument("report", type=click.File("r", encoding="utf-8"))
@_settings
@_REPORT
@_CI_CONFIG
@click.pass_context
def post(context: click.Context, /, **options: Any) -> int:
    """Post a report that another job has made with `reviewbot ci --no-post -o report.json`.

    So the key of the gateway and the token that may write need never be in one job. The report is
    held against the diff of the pull request: comments whose lines are not there go into the
    summary, and files that it does not speak of make the review incomplete. Give it the settings
    that the other job had, or none to either: with others, each review is a full one.
    """
    from reviewbot.pull_request import Order  # noqa: PLC0415
    from reviewbot.report import from_json  # noqa: PLC0415

    order = Order(
        overrides=_overrides(context, options),
        config_file=options["config_file"],
        report=from_json(options["report"].read()),
    )
    return _run_in_ci(order, options["output"])


def _run_in_ci(order: Order, output: Path | None) -> int:
    from reviewbot import ci as in_ci  # noqa: PLC0415
    from reviewbot.output import Destination  # noqa: PLC0415
    from reviewbot.progress import Progress  # noqa: PLC0415

    destination = Destination.of(output, None)
    return in_ci.run(order, os.environ, destination, Progress(sys.stderr))


@cli.group("checklists", invoke_without_command=True)
@click.pass_context
def checklists_(context: click.Context) -> None:
    """List the checklists, shipped and your own.

    A file NAME.md in .reviewbot/prompts/ adds a checklist, or replaces the shipped one of that
    name; `reviewbot checklists show security` prints one to begin with.
    """
    if context.invoked_subcommand is None:
        from reviewbot import house  # noqa: PLC0415

        its_house = house.in_folder(house.home(Path.cwd()), {})
        active = its_house.settings.config.checklists
        width = max(map(len, its_house.checklists))
        for name, checklist in its_house.checklists.items():
            mark = "on " if name in active else "off"
            origin = "" if checklist.origin == "shipped" else f"  ({checklist.origin})"
            _show(f"{name:<{width}}  {mark}  {checklist.description}{origin}\n")


@checklists_.command()
@click.argument("name")
def show(name: str) -> None:
    """Print one checklist as it is written."""
    from reviewbot import checklists, house  # noqa: PLC0415

    its_house = house.in_folder(house.home(Path.cwd()), {})
    (chosen,) = checklists.choose(its_house.checklists, [name])
    _show(its_house.sources[f"{chosen.name}.md"])


@cli.command("config")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of the configuration.")
@_CONFIG
def config_(*, schema: bool, config_file: Path | None) -> None:
    """Print every setting, its value, and where that came from.

    Settings are read from .reviewbot.yaml, .reviewbot.yml or [tool.reviewbot] in pyproject.toml;
    options on the command line override them. Keys and addresses are never read from a file.
    """
    from reviewbot import house  # noqa: PLC0415
    from reviewbot.config import json_schema, listing  # noqa: PLC0415

    if schema:
        _show(json_schema() + "\n")
        return
    variables = {key: f"REVIEWBOT_{key.upper()}" for key in _BY_ENVIRONMENT}
    overrides = {
        key: (name, os.environ[name]) for key, name in variables.items() if os.environ.get(name)
    }
    its_house = house.in_folder(house.home(Path.cwd()), overrides, config_file)
    _show(listing(its_house.settings) + "\n")


@cli.group()
def keys() -> None:
    """Make, show, replace and take back LiteLLM keys; for those who run the proxy.

    \b
    reviewbot keys create --user ci --budget 5 --expires 90d
    reviewbot keys create --from users.csv -o keys.csv
    reviewbot keys info --user ci
    reviewbot keys rotate --user ci | gh secret set LITELLM_API_KEY
    reviewbot keys revoke --user ci

    Each user gets one key, reviewbot-USER, and no others are touched. A key is shown once, alone on
    standard output or in a file that only you can read; all else goes to standard error.

    \b
    AI_GATEWAY_URL               the proxy's address; LITELLM_BASE_URL does as well
    LITELLM_MASTER_KEY           its master key; there is no option for it
    LITELLM_DEFAULT_USER_BUDGET  dollars, for new users who are given no budget
    LITELLM_DEFAULT_RPM          requests a minute, for new keys that are given none
    """  # noqa: D301 - as above


_TERMS = ("budget", "period", "rpm", "tpm", "models", "expires")
_USER = click.option("--user", required=True, metavar="ID", help="Whose key.")
_KEY_FILE = click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Write to a file, mode 600. It must be new; a CSV from an earlier run is continued.",
)


@keys.command()
@click.option("--user", metavar="ID", help="Who gets a key; made if there is no such user yet.")
@click.option(
    "--from",
    "file",
    type=click.File("r", encoding="utf-8"),
    help="A CSV with a header: user, and any of budget, rpm, tpm, models and expires.",
)
@click.option(
    "--budget", metavar="USD", help="Of the user.  [default: LITELLM_DEFAULT_USER_BUDGET]"
)
@click.option(
    "--budget-period",
    "period",
    metavar="TIME",
    help="Count the spend from nothing again after each 30d, 7d, …  [default: never]",
)
@click.option("--rpm", metavar="N", help="Requests a minute.  [default: LITELLM_DEFAULT_RPM]")
@click.option("--tpm", metavar="N", help="Tokens a minute; a whole call must fit in.")
@click.option("--models", metavar="NAME,…", help="Models that it may use.  [default: all]")
@click.option(
    "--expires", metavar="TIME", help="How long it lives: 90d, 12h, …  [default: forever]"
)
@_KEY_FILE
def create(**options: Any) -> None:
    """Make a key for a user, or for each user in a CSV, and show it once.

    It is safe to run again: who has a key gets no other, and only what is asked for outright is
    changed, but not the day a key ends. With --from, all rows are checked before the first key is
    made; the output is a CSV, user and key, a row as soon as there is a key. Run it again with the
    same file to go on after a failure; who has a key already is left out, with a note.

    \b
    reviewbot keys create --user ci --budget 5 --budget-period 30d --rpm 20
    reviewbot keys create --from users.csv --expires 90d -o keys.csv
    reviewbot keys create --user ci | gh secret set LITELLM_API_KEY

    A pipe runs its right side even if there is no key: for a script that runs again, docs/keys.md
    has a safe form.
    """  # noqa: D301 - as above
    from reviewbot import handout, roster, terms  # noqa: PLC0415
    from reviewbot import keys as all_keys  # noqa: PLC0415

    if (options["user"] is None) == (options["file"] is None):
        raise UsageError("it takes either --user ID or --from FILE")
    asked = terms.read({name: options[name] for name in _TERMS}, _term_option)
    fallback = terms.defaults(os.environ)
    if options["file"]:
        orders, hand = roster.read(options["file"], asked, fallback), handout.many
    else:
        order = roster.Order(roster.named(options["user"]), asked, fallback)
        orders, hand = (order,), handout.one
    with all_keys.opened(os.environ, _say) as opened:
        opened.check_models(orders)
        opened.create(orders, hand(_file(options["output"])))


def _term_option(name: str) -> str:
    return "--budget-period" if name == "period" else f"--{name}"


def _file(path: Path | None) -> Path | None:
    return None if path == Path("-") else path


@keys.command()
@_USER
@_KEY_FILE
def rotate(user: str, output: Path | None) -> None:
    """Replace a key by a new one with the same settings, and show that once.

    The old key works until the new one is written, and is refused from then on; where the proxy
    runs as several processes, after a minute at the latest. The spend goes over to the new key, and
    it lives as long as the old one was meant to.
    """
    from reviewbot import handout, roster  # noqa: PLC0415
    from reviewbot import keys as all_keys  # noqa: PLC0415

    with all_keys.opened(os.environ, _say) as opened:
        opened.rotate(roster.named(user), handout.one(_file(output)))


@keys.command()
@_USER
@click.option("-y", "--yes", is_flag=True, help="Do not ask; needed where nobody can answer.")
def revoke(*, user: str, yes: bool) -> None:
    """Delete a key. The user, what was spent, and the proxy's log of calls stay.

    A new key for the same user, by `reviewbot keys create`, has what is left of the user's budget.
    """
    from reviewbot import keys as all_keys  # noqa: PLC0415
    from reviewbot import roster  # noqa: PLC0415

    def confirmed(question: str) -> bool:
        if yes:
            return True
        if not sys.stdin.isatty():
            raise UsageError("nobody can be asked here, and this cannot be undone", "Add --yes.")
        return click.confirm(question, err=True)

    with all_keys.opened(os.environ, _say) as opened:
        opened.revoke(roster.named(user), confirmed)


@keys.command()
@click.option("--user", metavar="ID", help="Whose key.  [default: the one in LITELLM_API_KEY]")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def info(*, user: str | None, as_json: bool) -> None:
    """Show what a key may do, what is spent, and when it ends; never the key.

    Without --user it is your own key, in LITELLM_API_KEY, and no master key is needed.
    """
    from reviewbot import keys as all_keys  # noqa: PLC0415
    from reviewbot import roster  # noqa: PLC0415

    if user is None:
        card = all_keys.own(os.environ)
    else:
        with all_keys.opened(os.environ, _say) as opened:
            card = opened.info(roster.named(user))
    _show(card.to_json() if as_json else card.to_text())


@cli.command()
@click.argument("base", required=False)
@_settings
@_CONFIG
@click.option("--json", "as_json", is_flag=True, help="A list of the checks, for programs.")
@click.pass_context
def doctor(context: click.Context, /, *, as_json: bool, **options: Any) -> int:
    """Say what keeps a review from working, and what mends it.

    Settings, git, the way to the gateway, the key with its budget and limits, the models and, where
    there is one, the token of the forge: each is looked at, and below what is wrong stands what to
    do. Nothing is written anywhere, and nothing that costs money is asked for.

    \b
    reviewbot doctor              in your repository, or in a CI job
    reviewbot doctor develop      where the review was: reviewbot diff develop
    reviewbot doctor --effort high
                                  with the options that the review had

    \b
    ✓  it is as it should be
    !  a review works, but not as it could
    ✗  a review fails by it
    -  not looked at, and why

    Exit code 0 if a review would work; otherwise that of the review, by the first ✗: 2 settings,
    git or address, 4 gateway or key, 5 forge.
    """  # noqa: D301 - as above
    from reviewbot.doctor import examine  # noqa: PLC0415
    from reviewbot.doctor.case import Request  # noqa: PLC0415
    from reviewbot.output import Destination  # noqa: PLC0415

    request = Request(
        folder=Path.cwd(),
        environment=os.environ,
        overrides=_overrides(context, options),
        base=options["base"],
        config_file=options["config_file"],
    )
    diagnosis = examine(request)
    destination = Destination(None, "json" if as_json else "text")
    destination.write(diagnosis.to_json() if as_json else diagnosis.to_text(destination.style()))
    return diagnosis.exit_code


@cli.command("models")
@_chosen_by
@_CONFIG
@click.option("--json", "as_json", is_flag=True, help="A list of the models, for programs.")
@click.pass_context
def models_(context: click.Context, /, *, as_json: bool, **options: Any) -> None:
    """List the models of your gateway: what they can do, what they cost, which you may use.

    Those that your settings choose have a *. To choose another one: --model NAME, REVIEWBOT_MODEL,
    or `model: NAME` in .reviewbot.yaml. A LiteLLM proxy tells windows, prices and abilities; other
    endpoints tell names.
    """
    from reviewbot.catalogue import look_up  # noqa: PLC0415

    overrides = _overrides(context, options)
    catalogue = look_up(Path.cwd(), os.environ, overrides, options["config_file"])
    _show(catalogue.to_json() if as_json else catalogue.to_text())


@cli.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--since", metavar="TIME", help="From then on: 7d, 12h, 2w, or a day as 2026-11-01.")
@click.option(
    "--by",
    type=click.Choice(("day", "repository", "model", "user", "checklist")),
    default="day",
    show_default=True,
    help="What to sum up by.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def audit(*, file: Path | None, since: str | None, by: str, as_json: bool) -> None:
    """Sum up the audit log: runs, calls, tokens and dollars.

    \b
    reviewbot audit                         each day (of UTC) in the log
    reviewbot audit --since 7d --by model   where the money of a week went
    reviewbot audit --by user ci.jsonl      the log of a CI job

    Each call and each run is one JSON line: when, who, what repository, pull request and commit,
    which model and checklist, tokens, dollars, milliseconds, status, and LiteLLM's id of the call.
    Never a prompt, an answer, code, or a key.

    FILE is the log that reviews in this folder write, unless it is given: the one that the variable
    REVIEWBOT_AUDIT names, or audit.path in the configuration, or, on a laptop,
    ~/.local/state/reviewbot/audit.jsonl. REVIEWBOT_AUDIT=off writes none. Lines older than
    audit.retention_days (30) are deleted at the next review.
    """  # noqa: D301 - as above
    from datetime import UTC, datetime  # noqa: PLC0415

    from reviewbot import books, ledger  # noqa: PLC0415

    oldest = ledger.since(since, datetime.now(UTC)) if since else None
    reading = books.reading(file, Path.cwd(), os.environ)
    shown = ledger.to_json if as_json else ledger.table
    _show(shown(reading, oldest, by))


class _Evaluations(click.Group):
    """`eval DIR` stands for `eval run DIR`, and `eval --compare` for `eval compare`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the command's name where it was left out."""
        if args[:1] == ["--compare"]:
            args = ["compare", *args[1:]]
        elif args and args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["run", *args]
        return super().parse_args(ctx, args)


@cli.group("eval", cls=_Evaluations)
def eval_() -> None:
    """Measure how good the reviews are, on changes with known problems.

    \b
    reviewbot eval DIR                        review the cases of a folder, and have them judged
    reviewbot eval --compare A.json B.json    what is better, and what worse
    reviewbot eval add REV --golden 'app.py:12: Divides by zero on an empty list'
                                              a case from the history of this repository

    `reviewbot eval run --help` has the options of the first.
    """  # noqa: D301 - as above


_EVALUATION_FORMAT = click.option(
    "--format",
    "format_",
    type=click.Choice(("text", "json")),
    default="text",
    show_default=True,
    help="Form of what is shown.",
)


@eval_.command("run")
@click.argument(
    "folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@_with("checklists", "model", "effort", "min_severity")
@click.option(
    "--judge",
    metavar="NAME",
    default="claude-sonnet",
    show_default=True,
    help="Model that judges; one of another family than the reviewers is fairer.",
)
@click.option(
    "--budget",
    "total",
    type=click.FloatRange(min=0),
    metavar="USD",
    default=10.0,
    help="Dollars that all cases and the judge may cost at most.  [default: 10.00]",
)
@click.option(
    "--case-budget",
    "budget",
    type=float,
    metavar="USD",
    help="Dollars that the review of one case may cost at most.  [default: 1.00]",
    **_variable("BUDGET"),
)
@_with("jobs", "timeout", "call_timeout")
@_CONFIG
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    default="reviewbot-eval",
    show_default=True,
    help="Folder for what is done: the same command goes on there.",
)
@click.option("--replay", is_flag=True, help="Ask nobody: score what is done, at no cost.")
@click.option("-v", "--verbose", is_flag=True, help="Say what was missed, and what was false.")
@_EVALUATION_FORMAT
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the results there as JSON, too: figures, and each case.",
)
@click.pass_context
def run_(context: click.Context, /, **options: Any) -> int:
    """Review the cases of a folder, have a model judge, and say how good it was.

    A case is two files: NAME.diff, and NAME.json with its id, title, description and goldens, the
    known problems that a review should find. Each is reviewed as `reviewbot diff --patch` would,
    with title and description as what the authors say. The judge says which finding reports which
    golden. --jobs and --timeout hold for the calls of one case.

    Cases that are done are not done again, unless the case, the settings or a prompt has changed.
    """
    from dataclasses import asdict  # noqa: PLC0415

    from reviewbot.evaluation import run, score, table  # noqa: PLC0415
    from reviewbot.output import Destination  # noqa: PLC0415
    from reviewbot.progress import Progress  # noqa: PLC0415

    file = options["output"] and Destination.of(options["output"], "json")
    order = run.Order(
        folder=options["folder"],
        into=options["into"],
        overrides=_overrides(context, options),
        config_file=options["config_file"],
        judge=options["judge"],
        budget=options["total"],
        replay=options["replay"],
    )
    results = run.evaluate(order, os.environ, Progress(sys.stderr))
    figures = score.figures(results.scored)
    if file:
        file.write(results.to_json(asdict(figures)))
    if options["format_"] == "json":
        _show(results.to_json(asdict(figures)))
    else:
        width = Destination(None, "text").style().width
        _show(harmless(table.shown(results, figures, width, verbose=options["verbose"])))
    return results.exit_code


@eval_.command()
@click.argument("a", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("b", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_EVALUATION_FORMAT
def compare(a: Path, b: Path, format_: str) -> None:
    """Say what differs between two results, and how sure that is.

    A and B are files that `reviewbot eval DIR -o FILE` has written. The cases that both have are
    compared, and drawn in pairs for the intervals. A golden is won where only B has found it, lost
    where only A has.
    """
    from reviewbot.evaluation import results, table  # noqa: PLC0415
    from reviewbot.evaluation.compare import compare as compared  # noqa: PLC0415
    from reviewbot.output import Destination  # noqa: PLC0415

    comparison = compared(results.read(a), results.read(b))
    if format_ == "json":
        _show(comparison.to_json())
        return
    width = Destination(None, "text").style().width
    _show(harmless(table.compared(comparison, (str(a), str(b)), width)))


@eval_.command()
@click.argument("revision", metavar="REV")
@click.option(
    "--golden",
    "goldens",
    metavar="'PATH:LINE: TEXT'",
    multiple=True,
    required=True,
    help="A problem that a review should find, at a line of the new version. Repeatable.",
)
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    default="reviewbot-cases",
    show_default=True,
    help="Folder of cases; it is made where it is not there.",
)
def add(revision: str, goldens: Sequence[str], into: Path) -> None:
    """Make a case of a change in this repository's history.

    REV is a commit, or BASE...HEAD for what a branch brings. Title and description are those of the
    commits. What a review should find is known best of changes that a later one had to mend.
    """
    from reviewbot import change  # noqa: PLC0415
    from reviewbot.evaluation import case, sample  # noqa: PLC0415
    from reviewbot.git import Repository  # noqa: PLC0415

    wanted = [sample.golden(text) for text in goldens]
    base, head = _range(revision, None)
    with Repository(Path.cwd()) as repository:
        span = (
            change.branch(repository, base, head) if head else change.commit(repository, revision)
        )
        made = sample.case(repository, span, wanted)
    file = case.write(made, into)
    _show(f"{file}: {plural(len(wanted), 'golden')}; more can be added there\n")


@cli.command()
def demo() -> int:
    """Review a small sample branch with recorded answers: no key, no model, no cost."""
    from reviewbot.demo import run  # noqa: PLC0415

    return run()
