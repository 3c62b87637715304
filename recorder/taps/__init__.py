"""The taps: what stands between a client library and the recorder.

`seams` installs and uninstalls them; one file holds the taps of one library; `exchange` is what they all fill.
"""
