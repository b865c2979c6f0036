"""What bootstrap, deploy, destroy and smoke share: the layers, and running Terraform in them. Standard library only.

Credentials, region, endpoints and proxies come from the environment, as for any AWS tool; nothing here looks at them."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

STACK = Path(__file__).resolve().parents[1]
DEPLOY = STACK / "deploy"
LAYERS = ["10_core", "20_infra", "30_app"]
CORE = LAYERS[0]
ENVIRONMENTS = ["dev", "stage", "prod"]

# What bin/bootstrap makes, by layer and module: where the state is, who may deploy how much, the record of what they did. The roles of
# 20_infra's github cannot change it.
BOOTSTRAPPED = {"10_core": ["kms", "state_backend", "base_iam", "trail"], "20_infra": ["github"]}

# A resource that the provider watches for half a minute occupies one of these; the default of 10 would make the others wait.
PARALLELISM = 40
# Somebody else's run is waited for; a lock that nobody holds any more has to be taken away by hand (terraform force-unlock).
LOCK_TIMEOUT = "-lock-timeout=60s"


class Failure(Exception):
    """Something went wrong; the text says what, and what to do."""


def main(run) -> None:
    try:
        sys.exit(run())
    except Failure as failure:
        print(f"{Path(sys.argv[0]).name}: {failure}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def say(text: str) -> None:
    print(text, flush=True)


# ---------------------------------------------------------------- where Terraform and its provider come from


def mirror_config() -> Path | None:
    """A CLI configuration that takes the aws provider from a mirror on this machine, if there is one that Terraform does not look into by
    itself. It looks into its implied directories unless a configuration says otherwise."""
    tree = Path("registry.terraform.io/hashicorp/aws")
    data_homes = [os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local/share")]
    data_homes += (os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share").split(":")
    implied = [Path.home() / ".terraform.d/plugins", *(Path(home) / "terraform/plugins" for home in data_homes)]
    if any((folder / tree).is_dir() for folder in implied):
        return None
    below = [folder for top in (Path("/opt"), Path("/usr/local")) if top.is_dir() for folder in sorted(top.iterdir())]
    mirror = next((folder for folder in below if (folder / tree).is_dir()), None)
    if mirror is None:
        return None
    config = STACK / ".terraformrc"
    text = f'provider_installation {{\n  filesystem_mirror {{\n    path    = "{mirror}"\n    include = ["registry.terraform.io/hashicorp/aws"]\n  }}\n}}\n'
    if not config.exists() or config.read_text() != text:
        config.write_text(text)
    return config


def terraform_environment(environment: str, layer: str) -> dict[str, str]:
    result = dict(os.environ)
    # Every environment keeps its own backend settings, so that switching between them needs no -reconfigure.
    result["TF_DATA_DIR"] = str(DEPLOY / layer / "environments" / environment / ".terraform")
    result["TF_IN_AUTOMATION"] = "1"
    result["TF_INPUT"] = "0"
    result["CHECKPOINT_DISABLE"] = "1"
    named = result.get("TF_CLI_CONFIG_FILE")
    if not named or not Path(named).exists():
        result.pop("TF_CLI_CONFIG_FILE", None)
        if config := mirror_config():
            result["TF_CLI_CONFIG_FILE"] = str(config)
    if bucket := state_bucket_override():
        result["TF_VAR_state_bucket"] = bucket
    return result


def state_bucket_override() -> str | None:
    return os.environ.get("STACK_STATE_BUCKET")


def backend_arguments(environment: str, layer: str) -> list[str]:
    arguments = [f"-backend-config=../environments/{environment}/backend.tfvars"]
    if bucket := state_bucket_override():
        arguments.append(f"-backend-config=bucket={bucket}")
    return arguments


# ---------------------------------------------------------------- running it

_PROGRESS = re.compile(r"^\S+: (Creation|Destruction|Modifications) complete after|^(Apply|Destroy) complete!|^No changes\.")


class Terraform:
    def __init__(self, environment: str, layer: str, verbose: bool = False):
        if not shutil.which("terraform"):
            raise Failure("there is no terraform on PATH: https://developer.hashicorp.com/terraform/install")
        self.environment, self.layer, self.verbose = environment, layer, verbose
        self.main = DEPLOY / layer / "main"
        self.var_file = f"-var-file=../environments/{environment}/terraform.tfvars"

    def run(self, *arguments: str, ok: tuple[int, ...] = (0,), show: bool = False) -> tuple[int, str]:
        """Runs terraform; shows the lines that tell of progress (all of them if verbose), and all that it said if it fails."""
        command = ["terraform", f"-chdir={self.main}", *arguments]
        lines = []
        with subprocess.Popen(
            command,
            env=terraform_environment(self.environment, self.layer),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            for line in process.stdout:
                lines.append(line)
                if show and (self.verbose or _PROGRESS.search(line)):
                    say(f"    {line.rstrip()}")
        text = "".join(lines)
        if process.returncode not in ok:
            said = text[found.start() :] if (found := re.search(r"^(Error: |╷)", text, re.MULTILINE)) else text
            raise Failure(f"terraform {arguments[0]} failed in {self.layer} for {self.environment}:\n{said.strip()}")
        return process.returncode, text

    def init(self, *arguments: str) -> None:
        self.run("init", "-no-color", *arguments)

    def init_backend(self) -> None:
        self.init("-reconfigure", *backend_arguments(self.environment, self.layer))

    def apply(self, *arguments: str) -> bool:
        """True if anything changed."""
        _, text = self.run("apply", "-no-color", "-auto-approve", f"-parallelism={PARALLELISM}", LOCK_TIMEOUT, self.var_file, *arguments, show=True)
        return "Resources: 0 added, 0 changed, 0 destroyed" not in text

    def destroy(self, *arguments: str) -> None:
        self.run("destroy", "-no-color", "-auto-approve", f"-parallelism={PARALLELISM}", LOCK_TIMEOUT, self.var_file, *arguments, show=True)

    def plan(self) -> bool:
        """True if something would change."""
        # Nothing is written, no lock either: whoever may only read can plan.
        code, text = self.run("plan", "-no-color", "-detailed-exitcode", f"-parallelism={PARALLELISM}", "-lock=false", self.var_file, ok=(0, 2))
        say(text.rstrip())
        return code == 2

    def outputs(self) -> dict:
        _, text = self.run("output", "-no-color", "-json")
        return {name: output["value"] for name, output in json.loads(text).items()}

    def resources(self) -> list[str]:
        _, text = self.run("state", "list", ok=(0, 1))
        return [line for line in text.splitlines() if re.match(r"^(module\.|data\.|aws_)", line)]

    def modules(self) -> list[str]:
        return sorted({found[1] for line in self.resources() if (found := re.match(r"module\.(\w+)", line))})


def modules_as_targets(modules) -> list[str]:
    return [f"-target=module.{name}" for name in modules]


def state_is_there(core: Terraform) -> bool:
    """Whether the state bucket answers: initialises 10_core on it."""
    try:
        core.init_backend()
    except Failure as failure:
        if re.search(r"S3 bucket .* does not exist|NoSuchBucket", str(failure)):
            return False
        raise
    return True


# ---------------------------------------------------------------- 10_core's own state


def local_state(environment: str) -> Path:
    """Where the state of 10_core is while its bucket is not there yet, or not any more."""
    return DEPLOY / CORE / "environments" / environment / "bootstrap.tfstate"


@contextlib.contextmanager
def local_backend(environment: str, verbose: bool):
    """10_core with its state in local_state(environment): a folder of this environment that links to 10_core's files, beside a file that
    says so. Another environment, or a terraform run by hand, sees nothing of it."""
    folder = DEPLOY / CORE / "environments" / environment / "bootstrap"
    shutil.rmtree(folder, ignore_errors=True)
    main_folder = folder / "main"
    main_folder.mkdir(parents=True)
    try:
        (folder / "modules").symlink_to(DEPLOY / CORE / "modules")
        (folder / "environments").symlink_to(DEPLOY / CORE / "environments")
        for path in (DEPLOY / CORE / "main").glob("*.tf"):
            (main_folder / path.name).symlink_to(path)
        (main_folder / "backend_override.tf").write_text(f'terraform {{\n  backend "local" {{\n    path = "{local_state(environment)}"\n  }}\n}}\n')
        core = Terraform(environment, CORE, verbose)
        core.main = main_folder
        yield core
    finally:
        shutil.rmtree(folder)


def forget_local_state(environment: str) -> None:
    for suffix in ("", ".backup"):
        path = local_state(environment)
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def bootstrap(environment: str, verbose: bool = False, *arguments: str) -> bool:
    """Makes the state bucket and lock table and whatever else 10_core holds (arguments are for apply, and may say less), and moves 10_core's
    state into that bucket. False if there was nothing to do. Begun and broken off, it goes on where it was."""
    core = Terraform(environment, CORE, verbose)
    if not local_state(environment).exists() and state_is_there(core):
        return False
    say(f"  {CORE}: the state bucket is not there yet: applying with local state, then moving the state into it")
    with local_backend(environment, verbose) as local_core:
        local_core.init("-reconfigure")
        local_core.apply(*arguments)
    core.init("-migrate-state", "-force-copy", *backend_arguments(environment, CORE))
    if not core.resources():
        raise Failure(f"the state did not arrive in the bucket; it is still in {local_state(environment)}")
    forget_local_state(environment)
    return True


@contextlib.contextmanager
def timed(what: str):
    started = time.monotonic()
    say(f"  {what}")
    yield
    say(f"  {what}: {time.monotonic() - started:.0f} s")
