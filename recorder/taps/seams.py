"""Which methods of which client libraries are tapped, and how they are patched and restored.

Law: TABLE is the one list of seams. Each is a method patched in place, once, for as long as any recording is active,
and restored by `detach` of the last one. Nothing is toggled per request; a patched method asks `active()` and
otherwise does what it did. A library that is not loaded is not loaded for us: its seams wait for its import. When one
step of an install fails, the steps before it are rolled back.
"""

from __future__ import annotations

import functools
import sys
from contextlib import suppress
from importlib import import_module
from threading import get_ident
from typing import TYPE_CHECKING, Any, NamedTuple

from recorder.errors import ClientNotSupportedError
from recorder.system import ForkLock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    from recorder.taps.exchange import Sink

__all__ = ["TABLE", "Seam", "active", "attach", "detach", "installed", "recordings", "share_pools"]


class Seam(NamedTuple):
    """One patched function: `owner` is a class in `module`, or empty for a function of the module itself.

    `tap` names the function (as "module:function") that takes the original and gives its replacement. A seam that is
    not `required` is passed over where a release of the library has no such function.
    """

    module: str
    owner: str
    name: str
    tap: str
    required: bool = True


TABLE: tuple[Seam, ...] = (
    Seam("http.client", "HTTPConnection", "putrequest", "recorder.taps.http_client:tap_putrequest"),
    Seam("http.client", "HTTPConnection", "send", "recorder.taps.http_client:tap_send"),
    Seam("http.client", "HTTPConnection", "getresponse", "recorder.taps.http_client:tap_getresponse"),
    Seam("http.client", "HTTPConnection", "connect", "recorder.taps.http_client:tap_connect"),
    Seam("http.client", "HTTPConnection", "close", "recorder.taps.http_client:tap_close"),
    Seam("http.client", "HTTPSConnection", "connect", "recorder.taps.http_client:tap_connect", required=False),
    Seam("http.client", "HTTPResponse", "begin", "recorder.taps.http_client:tap_begin"),
    Seam("urllib3.connection", "HTTPConnection", "connect", "recorder.taps.http_client:tap_connect", required=False),
    Seam("urllib3.connection", "HTTPSConnection", "connect", "recorder.taps.http_client:tap_connect", required=False),
    Seam(
        "urllib3.connection",
        "",
        "_ssl_wrap_socket_and_match_hostname",
        "recorder.taps.tls:tap_wrap_socket",
        required=False,
    ),
    Seam("urllib3.connectionpool", "HTTPConnectionPool", "urlopen", "recorder.taps.urllib3:tap_urlopen"),
    Seam(
        "urllib3.poolmanager",
        "PoolManager",
        "connection_from_pool_key",
        "recorder.taps.pools:tap_pool",
        required=False,
    ),
    Seam("httplib2", "Http", "_conn_request", "recorder.taps.httplib2:tap_conn_request", required=False),
    Seam("httplib2", "HTTPConnectionWithTimeout", "connect", "recorder.taps.http_client:tap_connect", required=False),
    Seam("httplib2", "HTTPSConnectionWithTimeout", "connect", "recorder.taps.http_client:tap_connect", required=False),
)


class _Patch(NamedTuple):
    owner: Any
    name: str
    original: Any
    replacement: Any


_MARK = "_recorder_original"
_LOCK = ForkLock()
_recordings: tuple[Sink, ...] = ()
_patches: list[_Patch] = []
_loading: set[str] = set()
_sharing = False


def active() -> tuple[Sink, ...]:
    """Give the recordings that take what begins now.

    Every active one: a recording inside another hides nothing from it.
    """
    return _recordings


recordings = active


def share_pools() -> bool:
    """Tell whether an active recording asks for shared connection pools."""
    return _sharing


def installed() -> list[str]:
    """Give the names of the seams that are patched now, for tests and diagnosis."""
    return [_name(patch) for patch in _patches]


def _name(patch: _Patch) -> str:
    owner = patch.owner
    place = f"{owner.__module__}.{owner.__qualname__}" if isinstance(owner, type) else owner.__name__
    return f"{place}.{patch.name}"


def attach(recording: Sink) -> None:
    """Let a recording take what begins from now on.

    The first one installs the taps; when that fails, it leaves nothing behind.
    """
    with _LOCK:
        if not _recordings:
            _install()
        _listen((*_recordings, recording))


def detach(recording: Sink) -> None:
    """Take a recording out. After the last one every patched method is the original again."""
    with _LOCK:
        if recording not in _recordings:
            if not _recordings and _patches:  # a detach before this one was interrupted
                _uninstall()
            return
        _listen(tuple(each for each in _recordings if each is not recording))
        if not _recordings:
            for place in _uninstall():
                recording.miss(place, "the program put the original back")
        elif not _sharing:
            _forget("pools")


def _listen(recordings: tuple[Sink, ...]) -> None:
    global _recordings, _sharing  # noqa: PLW0603 -- what is patched is global, and so is who listens
    _recordings = recordings
    _sharing = any(each.options.share_pools for each in recordings)


def _install() -> None:
    sys.meta_path.insert(0, _WATCH)
    try:
        for module in dict.fromkeys(seam.module for seam in TABLE):
            loaded = sys.modules.get(module)
            if loaded is not None and _is_loading(loaded):
                _loading.add(module)
            elif loaded is not None:
                _patch_module(loaded, module)
    except BaseException:
        _uninstall()
        raise


def _uninstall() -> list[str]:
    """Restore every method. Gives the names of those that are restored already, by whom so ever, with our taps gone."""
    if _WATCH in sys.meta_path:
        sys.meta_path.remove(_WATCH)
    gone = []
    while _patches:
        patch = _patches.pop()
        now = _own(patch.owner, patch.name)
        if now is patch.replacement:
            setattr(patch.owner, patch.name, patch.original)
        elif now is patch.original or _is_librarys(now, patch.owner):
            gone.append(_name(patch))
        # Else somebody has patched over us and keeps our replacement inside: with no recording it only passes calls on.
    _loading.clear()
    _forget("http_client", "tls", "pools")
    return gone


def _is_librarys(function: Any, owner: Any) -> bool:
    """Whether a function is the library's own, and so nobody's patch over ours."""
    home = sys.modules.get(owner.__module__) if isinstance(owner, type) else owner
    return home is not None and getattr(function, "__globals__", None) is vars(home)


def _forget(*taps: str) -> None:
    for name in taps:
        tap = sys.modules.get(f"recorder.taps.{name}")
        if tap is not None:
            tap.forget()


def _patch_late() -> None:
    """Patch the modules that another thread was loading when the recording began, and has loaded now.

    Asked whenever a module is about to be loaded: the thread that loads a client library goes on to the next one. Takes
    no lock, since who loads a module holds one that an install may wait for; removing a name from the set is what only
    one thread can do.
    """
    for name in list(_loading):
        module = sys.modules.get(name)
        if module is not None and _is_loading(module):
            continue
        with suppress(KeyError):
            _loading.remove(name)
            if module is not None:
                _tell_trouble(name, functools.partial(_patch_module, module, name))


def _patch_module(module: ModuleType, name: str) -> None:
    for seam in TABLE:
        if seam.module == name:
            _patch(module, seam)


def _patch(module: ModuleType, seam: Seam) -> None:
    owner, found = _find(module, seam)
    if found is None:
        if seam.required:
            place = ".".join(filter(None, (seam.module, seam.owner, seam.name)))
            raise ClientNotSupportedError(
                f"{place} is missing: another tool has put a class of its own in its place, or this release of Python "
                "cannot be recorded. Start the recording before the other tool (vcrpy is one), or use Python 3.11 or "
                "newer"
            )
        return
    for patch in [patch for patch in _patches if patch.owner is owner and patch.name == seam.name]:
        if patch.replacement is found:
            return  # a module that is loaded again may keep what we have patched
        _patches.remove(patch)
    original = _see_through(found)
    home, _, function = seam.tap.partition(":")
    make: Callable[[Any], Any] = getattr(import_module(home), function)
    replacement = functools.wraps(original)(make(original))
    setattr(replacement, _MARK, original)
    _patches.append(_Patch(owner, seam.name, original, replacement))
    setattr(owner, seam.name, replacement)


def _find(module: ModuleType, seam: Seam) -> tuple[Any, Any]:
    """Find what is to be patched, and where: also behind a class that has been put in the place of the library's own.

    urllib3's HTTP/2 support does that.
    """
    owner = getattr(module, seam.owner, None) if seam.owner else module
    for home in getattr(owner, "__mro__", (owner,)):
        found = vars(home).get(seam.name) if home is not None else None
        if found is not None and (home is module or home.__module__ == seam.module):
            return home, found
    return owner, None


def _see_through(found: Any) -> Any:
    """Give the original behind a replacement that an earlier recording had to leave.

    A program leaves one when it undoes a patch of its own only after the recording. A function of the program's that
    wraps ours, and so has our mark, too, is not ours.
    """
    original = getattr(found, _MARK, None)
    return original if original is not None and getattr(found, "__wrapped__", None) is original else found


def _own(owner: Any, name: str) -> Any:
    """Give what the owner itself defines under the name, not what it inherits."""
    return vars(owner).get(name)


def _is_loading(module: ModuleType) -> bool:
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


class _ImportWatch:
    """Patches a library when the program imports it.

    Finds modules by asking the other finders; changes nothing about what they find.
    """

    def __init__(self) -> None:
        self._asked: set[tuple[int, str]] = set()

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Find a module that has seams, and have its loader tell when it is loaded. None for all others."""
        if _loading and not name.startswith("recorder."):
            _patch_late()
        asked = (get_ident(), name)
        if name not in _WATCHED or asked in self._asked:
            return None  # also when another finder asks all finders in turn, us among them
        self._asked.add(asked)
        try:
            spec = _ask_others(name, path, target)
        finally:
            self._asked.discard(asked)
        if spec is not None and spec.loader is not None and hasattr(spec.loader, "exec_module"):
            spec.loader = _TellingLoader(spec.loader)  # type: ignore[assignment] # stands in for one until exec_module
        return spec


def _ask_others(name: str, path: Sequence[str] | None, target: ModuleType | None) -> ModuleSpec | None:
    """Ask the finders behind the watch: those in front of it have been asked, and found nothing."""
    finders = list(sys.meta_path)
    for finder in finders[finders.index(_WATCH) + 1 :] if _WATCH in finders else ():
        if hasattr(finder, "find_spec"):
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                return spec
    return None


def _tell_trouble(module: str, patch: Callable[[], None]) -> None:
    try:
        patch()
    except Exception as error:  # noqa: BLE001 -- the program's import must not fail for our sake
        for recording in _recordings:
            recording.miss(module, type(error).__name__)


class _TellingLoader:
    """A module's loader, but for one thing: after the module is executed, its seams are patched.

    Takes itself out of the module first.
    """

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Make the module as its own loader does."""
        outer = spec.loader  # this one, or another's that has put itself around this one
        spec.loader = self._loader
        try:
            made: ModuleType | None = self._loader.create_module(spec)
        finally:
            spec.loader = outer
        return made

    def exec_module(self, module: ModuleType) -> None:
        """Load the module as its own loader does, then patch it."""
        if module.__spec__ is not None and module.__spec__.loader is self:  # type: ignore[comparison-overlap] # see find_spec
            module.__spec__.loader = self._loader
        if module.__loader__ is self:
            module.__loader__ = self._loader
        self._loader.exec_module(module)
        with _LOCK:
            if _recordings:
                _tell_trouble(module.__name__, functools.partial(_patch_module, module, module.__name__))


_WATCH: Any = _ImportWatch()
_WATCHED = frozenset(seam.module for seam in TABLE)
