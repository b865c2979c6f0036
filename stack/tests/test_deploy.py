"""The stack's own rules: what the layers say of themselves, and that the build is the same everywhere."""

import importlib.machinery
import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

import pytest

STACK = Path(__file__).resolve().parents[1]
DEPLOY = STACK / "deploy"
LAYERS = ["10_core", "20_infra", "30_app"]
ENVIRONMENTS = ["dev", "stage", "prod"]


def load_build():
    loader = importlib.machinery.SourceFileLoader("stack_build", str(STACK / "build"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("stack_build", loader))
    loader.exec_module(module)
    return module


def tfvars(path):
    return dict(re.findall(r"^(\w+)\s*=\s*(.+?)(?: #.*)?$", path.read_text(), re.MULTILINE))


@pytest.mark.parametrize("layer", LAYERS)
def test_every_environment_has_its_own_state(layer):
    settings = [tfvars(DEPLOY / layer / "environments" / environment / "backend.tfvars") for environment in ENVIRONMENTS]
    assert all(set(s) == {"bucket", "key", "region", "dynamodb_table", "encrypt"} for s in settings)
    assert len({s["bucket"] for s in settings}) == len({s["dynamodb_table"] for s in settings}) == len(ENVIRONMENTS)
    assert {s["key"] for s in settings} == {f'"{layer}/terraform.tfstate"'} and {s["encrypt"] for s in settings} == {"false"}  # the bucket's own setting does


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_values_are_for_their_environment_and_known(layer, environment):
    values = tfvars(DEPLOY / layer / "environments" / environment / "terraform.tfvars")
    known = re.findall(r'^variable "(\w+)"', (DEPLOY / layer / "main/variables.tf").read_text(), re.MULTILINE)
    assert values["environment"] == f'"{environment}"' and set(values) <= set(known)


@pytest.mark.parametrize("layer", LAYERS)
def test_every_variable_is_described_and_in_the_readme(layer):
    text, readme = (DEPLOY / layer / "main/variables.tf").read_text(), (STACK / "README.md").read_text()
    for name, body in re.findall(r'^variable "(\w+)" \{(.*?)^\}', text, re.MULTILINE | re.DOTALL):
        assert "description" in body and f"`{name}`" in readme, name


def test_the_aws_provider_is_the_only_one():
    for path in DEPLOY.rglob("*.tf"):
        assert set(re.findall(r'^(?:resource|data|ephemeral) "([a-z]+)_', path.read_text(), re.MULTILINE)) <= {"aws", "terraform"}, path


def test_nothing_knows_where_it_will_run():
    sources = [*DEPLOY.rglob("*.tf"), *DEPLOY.rglob("*.tfvars"), *(STACK / "src").rglob("*.py"), *(STACK / "bin").iterdir(), STACK / "build"]
    for path in sources:
        if path.is_file():
            assert not re.search(r"strata|localhost|127\.0\.0\.1|4566|endpoint_url", path.read_text(), re.IGNORECASE), path


def test_the_workflow_assumes_the_roles_that_are_made():
    text = (STACK / "github/deploy.yml").read_text()
    made = re.search(r"subjects = \{(.*?)^  \}", (DEPLOY / "20_infra/modules/github/main.tf").read_text(), re.MULTILINE | re.DOTALL).group(1)
    purposes = set(re.findall(r"^    (\w+) +=", made, re.MULTILINE))
    assert set(re.findall(r":role/practice-.*?-github-(\w+)", text)) == purposes == {"plan", "apply"}


@pytest.mark.skipif(not shutil.which("terraform"), reason="there is no terraform on PATH")
def test_the_configuration_is_formatted():
    assert subprocess.run(["terraform", "fmt", "-check", "-recursive", str(DEPLOY)], capture_output=True).returncode == 0


def test_the_same_content_gives_the_same_archive():
    build = load_build()
    files = {"b/x.py": b"1", "a.py": b"2" * 1000}
    assert build.pack(files) == build.pack(dict(reversed(files.items())))


def test_functions_need_no_more_than_is_pinned():
    lines = [line for line in (STACK / "requirements.txt").read_text().splitlines() if line and not line.startswith("#")]
    pinned = {line.split("==")[0] for line in lines}
    wanted = {line.split("==")[0] for line in (STACK / "requirements.in").read_text().splitlines() if line and not line.startswith("#")}
    assert wanted <= pinned and all(re.search(r"==\S+ --hash=sha256:[0-9a-f]{64}$", line) for line in lines)


def test_archives_over_the_limits_are_refused():
    build = load_build()
    small, half = {"zip_bytes": 1, "unpacked_bytes": 1}, {"zip_bytes": 1, "unpacked_bytes": 130 * 1024 * 1024}
    build.check_limits({"f.zip": small, "layer_a.zip": half})
    with pytest.raises(build.Failure, match="with its layers"):
        build.check_limits({"f.zip": half, "layer_a.zip": half})
    with pytest.raises(build.Failure, match="f.zip has"):
        build.check_limits({"f.zip": {"zip_bytes": build.ZIP_BYTES_MAX + 1, "unpacked_bytes": 1}})
