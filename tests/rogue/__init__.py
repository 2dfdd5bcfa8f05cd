"""An OAuth provider that misbehaves on command, in a process of its own."""
