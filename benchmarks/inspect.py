"""What looking costs: the summary of a gigabyte beside DuckDB, jq and others; differences, reports, folders, the start.

    python benchmarks/inspect.py                                  # everything; half an hour on two cores, 5 GB of disk
    python benchmarks/inspect.py --only summary --mixes small     # beside DuckDB and jq
    python benchmarks/inspect.py --only diff --rounds 1
    python benchmarks/inspect.py --size 2e6 --peer-size 2e6 --diff-size 2e6 --rounds 1 # does it run at all?

The benchmark itself is `inspecting.py`, and says there how it measures. This file only has the name that people look
for, which is the standard library's, too: to the scripts beside it, whose folder comes first in their path, it gives
that module instead of itself.
"""

import sys
from pathlib import Path

if __name__ == "inspect":
    import importlib.machinery
    import importlib.util
    import os

    file = str(Path(os.__file__).with_name("inspect.py"))
    loader = importlib.machinery.SourceFileLoader(__name__, file)
    spec = importlib.util.spec_from_file_location(__name__, file, loader=loader)
    if spec is None:
        raise ImportError("the standard library has no module inspect", name=__name__)
    module = importlib.util.module_from_spec(spec)
    sys.modules[__name__] = module
    loader.exec_module(module)
elif __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # the packages are found from the repository's root

    from benchmarks.inspecting import main

    sys.exit(main())
