"""A Hugging Face Space of this program: `python -m deploy.space OWNER/NAME [--dry-run] [--private] [--zerogpu]`.

What goes there is what runs: the rooms, the shipped nets, what pip and apt are to install, and README, whose head
is the Space's configuration, with the pictures that it shows.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from packaging.requirements import Requirement

from engines import SemblanceError

ROOT = Path(__file__).parent.parent
ROOMS = ("cli", "demos", "engines", "features", "samples")
SINGLE = ("LICENSE", "README.md", "app.py", "requirements.txt")
PLACEHOLDER = "OWNER/NAME"  # stands for the Space in README's thumbnail
COLOURS = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")
LONGEST = 60  # characters of a short description


def files(root: Path = ROOT) -> dict[str, Path]:
    """What a Space needs: each file's place there, and here; in order."""
    shown = re.findall(r"!\[[^]]*\]\((?!https?:)([^)\s]+)\)", (root / "README.md").read_text("utf-8"))
    found = {name: root / name for name in (*SINGLE, *shown)}
    for room in ROOMS:
        for path in (root / room).rglob("*"):
            inside = path.relative_to(root)
            if path.is_file() and not any(part == "__pycache__" or part.startswith(".") for part in inside.parts):
                found[inside.as_posix()] = path
    found["packages.txt"] = root / "deploy" / "packages.txt"  # Debian's: OpenCV needs them
    return dict(sorted(found.items()))


def stage(folder: Path, name: str, root: Path = ROOT) -> Path:
    """Copies them into the folder, for the Space of that name. Returns the folder."""
    for place, path in files(root).items():
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    readme = folder / "README.md"
    readme.write_text(readme.read_text("utf-8").replace(PLACEHOLDER, name), "utf-8")
    return folder


def front_matter(readme: str) -> dict[str, Any]:
    """The YAML at the head of a README. Raises SemblanceError when there is none."""
    head = re.match(r"---\n(.*?\n)---\n", readme, re.DOTALL)
    try:
        told = yaml.safe_load(head[1]) if head else None
    except yaml.YAMLError as error:
        raise SemblanceError("The head of README.md is not YAML.") from error
    if not isinstance(told, dict):
        raise SemblanceError("README.md does not begin with the configuration of a Space.")
    return told


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(entry, str) and entry for entry in value)


def _matches(pattern: str) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and bool(re.fullmatch(pattern, value))


def _hardware(value: object) -> bool:
    from huggingface_hub import SpaceHardware

    return value in {known.value for known in SpaceHardware}


# https://huggingface.co/docs/hub/spaces-config-reference, as far as a Space of Gradio goes
RULES: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "title": (_matches(r"\S.*"), "a text"),
    "emoji": (_matches(r"[^\w\s]{1,4}"), "an emoji"),
    "colorFrom": (COLOURS.__contains__, f"one of {', '.join(COLOURS)}"),
    "colorTo": (COLOURS.__contains__, f"one of {', '.join(COLOURS)}"),
    "sdk": ("gradio".__eq__, "gradio"),
    "sdk_version": (_matches(r"\d+\.\d+\.\d+"), "a version in quotation marks, or with two points"),
    "python_version": (_matches(r"3\.\d+(\.\d+)?"), "a version of Python in quotation marks"),
    "app_file": (_matches(r"[^/].*\.py"), "a file of Python"),
    "short_description": (_matches(rf".{{1,{LONGEST}}}"), f"a text of at most {LONGEST} characters"),
    "license": (_matches(r"[a-z0-9.-]+"), "the short name of a licence"),
    "thumbnail": (_matches(r"https://\S+"), "an address"),
    "models": (_texts, "a list of names"),
    "datasets": (_texts, "a list of names"),
    "tags": (_texts, "a list of words"),
    "pinned": (lambda value: isinstance(value, bool), "true or false"),
    "fullWidth": (lambda value: isinstance(value, bool), "true or false"),
    "disable_embedding": (lambda value: isinstance(value, bool), "true or false"),
    "header": (("mini", "default").__contains__, "mini or default"),
    "suggested_hardware": (_hardware, "a kind of hardware that Spaces have"),
    "startup_duration_timeout": (_matches(r"\d+[smh]"), "a time such as 30m or 1h"),
    "preload_from_hub": (_texts, "a list of names"),
}
NEEDED = ("title", "emoji", "colorFrom", "colorTo", "sdk", "sdk_version", "python_version", "app_file", "license")


def problems(told: Mapping[str, Any], requirements: str, places: Collection[str]) -> list[str]:
    """What is wrong with a configuration, a sentence each.

    requirements: the text of requirements.txt, whose Gradio must be the Space's. places: the files that go there.
    """
    found = [f"{key} is missing." for key in NEEDED if key not in told]
    for key, value in told.items():
        right, what = RULES.get(key, (None, ""))
        if right is None:
            found.append(f"{key} is not a key that a Space of Gradio knows.")
        elif not right(value):
            found.append(f"{key} must be {what}, and not {value!r}.")
    if found:
        return found
    lines = (line.partition("#")[0].strip() for line in requirements.splitlines())
    wanted = {needed.name: needed.specifier for needed in map(Requirement, filter(None, lines))}
    if told["sdk_version"] not in wanted["gradio"]:
        found.append(f"sdk_version {told['sdk_version']} is not one that requirements.txt allows.")
    if told["app_file"] not in places:
        found.append(f"{told['app_file']} is not among the files.")
    return found


def checked(root: Path = ROOT) -> dict[str, Path]:
    """The files, once the configuration is found to be right. Raises SemblanceError with all that is wrong."""
    found = files(root)
    told = front_matter((root / "README.md").read_text("utf-8"))
    if wrong := problems(told, (root / "requirements.txt").read_text("utf-8"), found):
        raise SemblanceError(" ".join(wrong))
    return found


def deploy(api: Any, name: str, *, private: bool = False, zerogpu: bool = False) -> str:
    """Makes the Space unless it is there, and puts there what is in files(), and nothing else; its address.

    api: a huggingface_hub.HfApi. Raises SemblanceError when the Hub refuses.
    """
    from huggingface_hub import SpaceHardware
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

    checked()
    with tempfile.TemporaryDirectory() as folder:
        staged = stage(Path(folder), name)
        try:
            if not api.repo_exists(name, repo_type="space"):
                hardware = SpaceHardware.ZERO_A10G if zerogpu else SpaceHardware.CPU_BASIC
                api.create_repo(
                    name,
                    repo_type="space",
                    space_sdk="gradio",
                    space_hardware=hardware,
                    private=private,
                    exist_ok=True,
                )
            api.upload_folder(
                repo_id=name,
                repo_type="space",
                folder_path=staged,
                delete_patterns="*",  # of what was there before and is not uploaded now
                commit_message="Semblance",
            )
        except LocalTokenNotFoundError as error:
            raise SemblanceError("You are not logged in; run `hf auth login`, or set HF_TOKEN.") from error
        except HfHubHTTPError as error:
            raise SemblanceError(_refusal(error.response.status_code, name, zerogpu)) from error
        except Exception as error:  # which one depends on the library that the Hub's is built on
            raise SemblanceError(f"The Hub can't be reached ({error!r}).") from error
    return f"https://huggingface.co/spaces/{name}"


def _refusal(status: int, name: str, zerogpu: bool) -> str:
    if status == 402 and not zerogpu:
        return "The Hub wants a paid plan for a Space on a CPU; an account without one may try --zerogpu."
    if status in (401, 403):
        return f"The Hub lets you not write to {name} ({status}); log in with a token that may."
    return f"The Hub refused with code {status}."


def main(arguments: Sequence[str], api: Any = None) -> int:
    """0; 1 with a sentence on stderr when it could not be done; 2 for wrong usage. api: None is the Hub's own."""
    parser = argparse.ArgumentParser(prog="python -m deploy.space", description="Put Semblance into a Space.")
    parser.add_argument("name", metavar="OWNER/NAME")
    parser.add_argument("--dry-run", action="store_true", help="list the files, check README's head, do no more")
    parser.add_argument("--private", action="store_true", help="only you can see a Space that is new")
    parser.add_argument("--zerogpu", action="store_true", help="for a new Space of an account without a paid plan")
    given = parser.parse_args(arguments)
    if not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", given.name, re.ASCII):
        parser.error("name the Space as OWNER/NAME")
    try:
        if given.dry_run:
            found = checked()
            sizes = {place: path.stat().st_size for place, path in found.items()}
            for place, size in sizes.items():
                print(f"{size:>10,}  {place}")
            print(
                f"{len(sizes)} files, {sum(sizes.values()) / 1e6:.1f} MB; the configuration in README.md is right."
            )
            return 0
        if api is None:
            from huggingface_hub import HfApi

            api = HfApi()
        print(deploy(api, given.name, private=given.private, zerogpu=given.zerogpu))
    except SemblanceError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
