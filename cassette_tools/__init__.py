"""The offline side: `ctools` looks into the cassettes that `recorder` writes, after the fact and at any size.

Law: it reads cassettes through `recorder.journal` and changes none. The modules beside this one are pure (streams in,
dataclasses out); only `views` renders, only `commands` parses arguments, only `cli` catches errors.
"""
