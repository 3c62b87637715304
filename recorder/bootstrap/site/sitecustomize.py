"""Python imports this at its start, because `ctools record` put its folder in front of PYTHONPATH.

Law: the program cannot tell. Arm the recording, leave `sys.path`, and let Python import the `sitecustomize` that this
one hides, or find that there is none, exactly as it would have done. No failure of ours gets out.

Every Python that starts below a recording runs this file, also one that is too old to record: no syntax here is newer
than Python 2.7, and nothing is imported that Python has not loaded itself before `site`.
"""

# ruff: noqa: INP001 -- a folder for PYTHONPATH, not a package
# ruff: noqa: PTH100, PTH120, UP031, UP036 -- Python 2.7 must read this

import os
import sys

_folder = os.path.dirname(os.path.abspath(__file__))
try:
    if sys.version_info >= (3, 11):
        import recorder_arming  # type: ignore[import-not-found]  # beside this file

        recorder_arming.arm()
    else:
        # The same line as recorder_arming.note writes.
        _notes = os.open(os.environ["RECORDER_NOTES"], os.O_WRONLY | os.O_APPEND)
        _line = "\t".join(("old", str(os.getpid()), "%d.%d" % sys.version_info[:2], sys.executable or "", "")) + "\n"
        os.write(_notes, _line.encode("utf-8", "replace"))
        os.close(_notes)
except Exception:  # noqa: BLE001, S110 -- the program must start; without a file for notes there is nobody to tell
    pass

sys.path[:] = [entry for entry in sys.path if entry != _folder]
sys.path_importer_cache.pop(_folder, None)

# The last statement, so that whatever the real one raises, also that there is none, reaches Python's `site` unchanged.
_this = sys.modules.pop(__name__)
import sitecustomize  # type: ignore[import-not-found] # noqa: E402, F401
