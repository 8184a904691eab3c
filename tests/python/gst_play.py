"""Plays an HLS URL by GStreamer's playbin3 and hlsdemux2, without a screen.

    gst_play.py {"url", "who", "ca", "cookie", "header"}

Prints its position five times a second as JSON lines; takes `pause`, `play` and `seek SECONDS` on
standard input. It judges nothing.
"""

import json
import sys
import threading

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402

SETTINGS = json.loads(sys.argv[1])
Gst.init([])
PLAYER = Gst.ElementFactory.make("playbin3")
LOOP = GLib.MainLoop()


def say(**what):
    print(json.dumps(what), flush=True)


def set_up(_, source):
    """Shows the credential, where the element has a way to."""
    if source.find_property("user-agent"):
        source.set_property("user-agent", SETTINGS["who"])
    if source.find_property("ssl-strict"):
        source.set_property("ssl-strict", False)
    if SETTINGS["cookie"] and source.find_property("cookies"):
        source.set_property("cookies", [SETTINGS["cookie"]])
    if SETTINGS["header"] and source.find_property("extra-headers"):
        headers = Gst.Structure.new_empty("headers")
        headers.set_value("Authorization", "Bearer " + SETTINGS["header"])
        source.set_property("extra-headers", headers)


def heard(_, message):
    if message.type == Gst.MessageType.ERROR:
        say(error=message.parse_error()[0].message)
    elif message.type == Gst.MessageType.EOS:
        say(error="end of stream")


def look():
    is_known, position = PLAYER.query_position(Gst.Format.TIME)
    if is_known:
        query = Gst.Query.new_seeking(Gst.Format.TIME)
        first = query.parse_seeking()[2] if PLAYER.query(query) else 0
        say(time=position / Gst.SECOND, **{"from": max(first, 0) / Gst.SECOND})
    return True


def obey():
    for line in sys.stdin:
        word, *rest = line.split()
        if word == "pause":
            PLAYER.set_state(Gst.State.PAUSED)
        elif word == "play":
            PLAYER.set_state(Gst.State.PLAYING)
        elif word == "seek":
            flags = Gst.SeekFlags.FLUSH | Gst.SeekFlags.KEY_UNIT
            PLAYER.seek_simple(Gst.Format.TIME, flags, int(float(rest[0]) * Gst.SECOND))


for name in ["video-sink", "audio-sink"]:
    sink = Gst.ElementFactory.make("fakesink")
    sink.set_property("sync", True)
    PLAYER.set_property(name, sink)
PLAYER.connect("source-setup", set_up)
PLAYER.set_property("uri", SETTINGS["url"])
bus = PLAYER.get_bus()
bus.add_signal_watch()
bus.connect("message", heard)
threading.Thread(target=obey, daemon=True).start()
GLib.timeout_add(200, look)
PLAYER.set_state(Gst.State.PLAYING)
LOOP.run()
