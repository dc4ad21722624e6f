"""Builds what would be uploaded: source archive, a wheel for any machine, and wheels with the kernel for Linux.

Knows how a wheel is laid out and named. The kernel comes from `despam.aws.kernel`, which cross-builds it with zig's C
compiler, so one machine makes the wheels of both architectures. All wheels are built from the source archive.

    python .ci/build_wheels.py [FOLDER]
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from despam.aws import kernel

ROOT = Path(__file__).resolve().parent.parent
PLATFORMS = {"x86_64": "manylinux2014_x86_64", "arm64": "manylinux2014_aarch64"}  # zig links against glibc 2.17
KERNEL = "despam/core/_native.abi3.so"


def main(dist: Path) -> None:
    """Build everything into a folder, and say what was made."""
    dist.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        build(ROOT, "--sdist", dist)
        sdist = max(dist.glob("despam-*.tar.gz"), key=lambda path: path.stat().st_mtime)
        shutil.unpack_archive(sdist, scratch)
        source = next(Path(scratch).iterdir())
        build(source, "--wheel", dist)
        pure = next(dist.glob(f"{sdist.name.removesuffix('.tar.gz')}-py3-none-any.whl"))
        made = [sdist, pure]
        for architecture, platform in PLATFORMS.items():
            code, note = kernel.build(source / "src/despam/core/_native.c", architecture)
            if code is None:
                sys.exit(f"Error: no wheel for {architecture}: {note}")
            made.append(with_kernel(pure, code, f"cp311-abi3-{platform}"))
    for path in made:
        sys.stdout.write(f"{path.stat().st_size:>10,}  {path.name}\n")


def build(source: Path, kind: str, dist: Path) -> None:
    """Run `python -m build` without network and without a kernel."""
    command = [sys.executable, "-m", "build", "--no-isolation", kind, "-o", str(dist), str(source)]
    done = subprocess.run(command, env={**os.environ, "DESPAM_PURE": "1"}, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"Error: {kind} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def with_kernel(pure: Path, code: bytes, tag: str) -> Path:
    """Write the wheel again with the kernel inside, under its own tag."""
    target = pure.with_name(pure.name.replace("py3-none-any", tag))
    with zipfile.ZipFile(pure) as wheel:
        files = {info.filename: wheel.read(info) for info in wheel.infolist() if not info.is_dir()}
    record = next(name for name in files if name.endswith(".dist-info/RECORD"))
    about = record.replace("RECORD", "WHEEL")
    text = files[about].decode().replace("Root-Is-Purelib: true", "Root-Is-Purelib: false")
    files[about] = text.replace("Tag: py3-none-any", f"Tag: {tag}").encode()
    files[KERNEL] = code
    files[record] = b""
    files[record] = record_of(files, record)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name in sorted(files, key=lambda name: (".dist-info/" in name, name)):
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            wheel.writestr(entry, files[name])
    return target


def record_of(files: dict[str, bytes], record: str) -> bytes:
    """List every file with its hash and size, as installers check them."""
    lines = io.StringIO()
    table = csv.writer(lines, lineterminator="\n")
    for name, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        table.writerow([name, "", ""] if name == record else [name, f"sha256={digest}", len(data)])
    return lines.getvalue().encode()


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "dist"))
