"""Builds libkin.so from the project's C sources with the system's compiler, and puts it into the package.

Needs a checkout (../src), a C compiler (CC, else cc) and, once, `patch` and a way to stb_image.h (tools/get-stb.sh).
"""
import os
import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:  # setuptools before 70.1
    from wheel.bdist_wheel import bdist_wheel

ROOT = Path(__file__).resolve().parent.parent
CC = shlex.split(os.environ.get('CC', 'cc'))


def run(*command):
    try:
        subprocess.run([str(part) for part in command], check=True)
    except FileNotFoundError:
        raise SystemExit(f"Kin is built from C, and there is no '{command[0]}': install a C compiler (Debian: apt install gcc libc6-dev), or name one in CC.")
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"Kin could not be built: '{command[0]}' ended with {error.returncode}; its message stands above.")


def compile_library(folder):
    """-> the path of libkin.so, made in `folder`."""
    if not (ROOT / 'src' / 'kin.h').exists():
        raise SystemExit(f'Kin is installed from a checkout: there is no {ROOT / "src" / "kin.h"}.')
    stb = ROOT / 'build' / 'stb' / 'stb_image.h'
    if not stb.exists():
        stb.parent.mkdir(parents=True, exist_ok=True)
        run('sh', ROOT / 'tools' / 'get-stb.sh', stb)
    # The flags that decide the bits stand in the Makefile.
    numbers = re.search(r'^NUMBERS := (.*)$', (ROOT / 'Makefile').read_text(), re.M).group(1).split()
    flags = ['-std=c11', '-O2', '-fPIC', '-D_POSIX_C_SOURCE=200809L', *numbers, f'-I{ROOT / "src"}', '-isystem', stb.parent]
    folder.mkdir(parents=True, exist_ok=True)
    sources = [*sorted((ROOT / 'src').glob('*.c')), ROOT / 'native' / 'folder.c', ROOT / 'native' / 'team.c']

    def one(source):
        target = folder / f'{source.parent.name}-{source.stem}.o'
        wrap = ['-fwrapv'] if source.stem.startswith('stb') else []
        run(*CC, *flags, *wrap, '-c', source, '-o', target)
        return target
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(one, sources))
    shown = ['-Wl,-exported_symbol,_kin_*'] if sys.platform == 'darwin' else [f'-Wl,--version-script={ROOT / "native" / "libkin.map"}']
    library = folder / 'libkin.so'
    run(*CC, '-shared', '-pthread', *shown, *objects, '-lm', '-o', library)
    return library


class Build(build_py):
    def run(self):
        super().run()
        library = compile_library(Path(self.get_finalized_command('build').build_temp).resolve())
        self.copy_file(str(library), str(Path(self.build_lib) / 'kin' / 'libkin.so'))

    def get_outputs(self, include_bytecode=1):
        return [*super().get_outputs(include_bytecode), str(Path(self.build_lib) / 'kin' / 'libkin.so')]


class Wheel(bdist_wheel):
    """Any Python 3 of this machine's kind: the library knows nothing of Python."""

    def get_tag(self):
        return ('py3', 'none', super().get_tag()[2])


class Native(Distribution):
    def has_ext_modules(self):
        return True


setup(cmdclass={'build_py': Build, 'bdist_wheel': Wheel}, distclass=Native)
