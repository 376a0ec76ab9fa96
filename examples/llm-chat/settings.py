"""What the environment says."""

import os

HUB = os.environ.get("HUB_URL", "http://127.0.0.1:7070")
"""The hub, as this program reaches it."""

PUBLIC_HUB = os.environ.get("HUB_PUBLIC_URL", HUB)
"""The hub, as browsers reach it."""

HUB_TOKEN = os.environ.get("HUB_TOKEN")
"""A token that may publish and subscribe; a hub in development mode needs none."""

PROVIDER = os.environ.get("PROVIDER_URL")
"""Where chat completions are, such as `https://api.openai.com/v1`; without it a stand-in answers."""

PROVIDER_KEY = os.environ.get("PROVIDER_KEY", "")
MODEL = os.environ.get("PROVIDER_MODEL", "stand-in")

BEAT = float(os.environ.get("WORKER_BEAT", "3"))
"""How often a worker says that it lives, in seconds. The answers of one that does not are ended after four times as
long."""

SECONDS_PER_WORD = float(os.environ.get("STAND_IN_PACE", "0.06"))
"""How fast the stand-in is."""
