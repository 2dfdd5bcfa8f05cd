"""Akhrot's settings for a site whose Telegram is the stand-in. No setting or variable of Akhrot's own leads here."""

from akhrot_site.settings import *  # noqa: F403
from providers import telegram
from tests.telegram.stand_in import Telegram

telegram.use_client(Telegram().client)
