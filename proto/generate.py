"""Writes the gRPC stubs of linkage/wire/v1 from the .proto files; with --check compares and changes nothing."""

from __future__ import annotations

import filecmp
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROTO = ROOT / "proto"
STUBS = ROOT / "linkage" / "wire" / "v1"


def generate(target: Path) -> None:
    """Run protoc with the Python, gRPC and type-stub plugins; output below `target`."""
    sources = sorted(str(path.relative_to(PROTO)) for path in (PROTO / "linkage" / "wire" / "v1").glob("*.proto"))
    import google.longrunning

    site_packages = Path(next(iter(google.longrunning.__path__))).parent.parent
    bin_folder = Path(sys.executable).parent
    with tempfile.TemporaryDirectory() as includes:
        # googleapis-common-protos ships this file under another name than the one its descriptor registers.
        longrunning = Path(includes) / "google" / "longrunning"
        longrunning.mkdir(parents=True)
        shutil.copy(
            site_packages / "google" / "longrunning" / "operations_proto.proto", longrunning / "operations.proto"
        )
        command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTO}", f"-I{includes}", f"-I{site_packages}"]
        command += [f"--plugin={name}={bin_folder / name}" for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")]
        command += [f"--{kind}_out={target}" for kind in ("python", "grpc_python", "mypy", "mypy_grpc")]
        subprocess.run([*command, *sources], check=True, stderr=subprocess.DEVNULL)


def stale_stubs() -> list[str]:
    """Names of committed stubs that differ from what the .proto files give now."""
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        fresh = Path(folder) / "linkage" / "wire" / "v1"
        names = {path.name for path in fresh.iterdir()}
        committed = {path.name for path in STUBS.glob("*_pb2*")}
        differing = filecmp.cmpfiles(fresh, STUBS, sorted(names & committed), shallow=False)[1]
        return sorted((names ^ committed) | set(differing))


if __name__ == "__main__":
    if "--check" in sys.argv:
        stale = stale_stubs()
        if stale:
            sys.exit("Stubs are not fresh: " + ", ".join(stale) + ". Run ./run stubs and commit the result.")
        print("stubs are fresh")
    else:
        generate(ROOT)
