#!/usr/bin/env python
import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "akhrot_site.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import DatabaseError

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        # A variable with a wrong value is the operator's to mend, and a traceback would bury its name.
        if "--traceback" in sys.argv:
            raise
        sys.exit(f"ImproperlyConfigured: {error}")
    except DatabaseError as error:
        from akhrot_site import no_database

        said = no_database.explain(error)
        if "--traceback" in sys.argv or not said:
            raise
        sys.exit(f"{type(error).__name__}: {said}")


if __name__ == "__main__":
    main()
