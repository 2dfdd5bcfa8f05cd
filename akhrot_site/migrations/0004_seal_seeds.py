import base64

from django.db import migrations

from providers.keyring import Keyring, new_key_line

ONLY = "5ea1ed00-0000-4000-8000-000000000001"
SEALED = "sealed:"
PLACE = "mfa.authenticator.data"


def seal_seeds(apps, editor):
    """Every seed that stands there readable. Where there is none, the keyring is not needed either."""
    alias = editor.connection.alias
    rows = apps.get_model("mfa", "Authenticator").objects.using(alias).select_for_update()
    for row in rows.filter(type__in=["totp", "recovery_codes"]).order_by("pk"):
        sealed = {name: _sealed(apps, alias, value) for name, value in row.data.items() if name in ("secret", "seed", "migrated_codes")}
        if sealed != {name: row.data[name] for name in sealed}:
            row.data = {**row.data, **sealed}
            row.save(update_fields=["data"])


def _sealed(apps, alias, value):
    if isinstance(value, list):
        return [_sealed(apps, alias, one) for one in value]
    if value.startswith(SEALED):
        return value
    rows = apps.get_model("akhrot_site", "FactorKey").objects.using(alias)
    row, _ = rows.get_or_create(pk=ONLY, defaults={"key": new_key_line()})
    return SEALED + base64.b64encode(Keyring.parse(row.key).seal(value, PLACE)).decode()


class Migration(migrations.Migration):
    dependencies = [("akhrot_site", "0003_factor_key"), ("mfa", "0003_authenticator_type_uniq")]

    operations = [migrations.RunPython(seal_seeds, migrations.RunPython.noop)]
