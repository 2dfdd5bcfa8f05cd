"""Telegram for tests: what stands in for Telethon's client knows accounts, sends codes, and refuses with its errors."""
