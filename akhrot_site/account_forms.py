"""allauth's forms in our words: labels, hints, and what a browser's password manager needs to know of each field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account import forms as account
from allauth.core.internal.cryptokit import normalize_user_code
from allauth.mfa import app_settings
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base import forms as codes
from allauth.mfa.base.internal.flows import check_rate_limit
from allauth.mfa.totp.forms import ActivateTOTPForm as TotpForm
from allauth.mfa.webauthn import forms as passkeys
from django import forms
from django.contrib.auth.models import User
from django.core.cache import cache
from django.utils.translation import gettext_lazy as _

from akhrot_site.addresses import belongs_to
from akhrot_site.templatetags.accounts import mail_is_sent

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as Text

GOOD_PASSWORD = _("At least 10 characters, and not a common one.")
MAILED = _("We will mail you a link to confirm it.")
PRINTED = _("This Akhrot cannot send mail: the link to confirm it is printed in its log. Ask its operator.")
CODE = {"inputmode": "numeric", "autocapitalize": "off", "spellcheck": "false", "autocomplete": "one-time-code"}
NAME_LENGTH = 80
UNKNOWN_PASSKEY = _("This passkey is not known here. It may have been removed. Sign in another way.")


def dress(form: forms.Form, name: str, label: str | Text, *, hint: str | Text = "", **attrs: Any) -> None:
    """Give a field of `form` its label, hint and attributes, and take away the placeholder that repeats the label."""
    field = form.fields[name]
    field.label, field.help_text = label, hint
    field.widget.attrs.pop("placeholder", None)
    field.widget.attrs.update(attrs)


def dress_new_passwords(form: forms.Form, label: str | Text, again: str | Text) -> None:
    """The two fields of a new password."""
    dress(form, "password1", label, hint=GOOD_PASSWORD, autocomplete="new-password")
    if "password2" in form.fields:
        dress(form, "password2", again, autocomplete="new-password")


class LoginForm(account.LoginForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        typed = bool(self.data.get("login"))
        dress(self, "login", _("E-mail"), autocomplete="username webauthn", autofocus=not typed)
        dress(self, "password", _("Password"), autofocus=typed)
        dress(self, "remember", _("Stay signed in for two weeks"))


class SignupForm(account.SignupForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        dress(self, "email", _("E-mail"), autocomplete="username", autofocus=True)
        dress_new_passwords(self, _("Password"), _("Password again"))


class AddEmailForm(account.AddEmailForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        dress(self, "email", _("New address"), hint=MAILED if mail_is_sent() else PRINTED)


class ChangePasswordForm(account.ChangePasswordForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        dress(self, "oldpassword", _("Current password"))
        dress_new_passwords(self, _("New password"), _("New password again"))


class SetPasswordForm(account.SetPasswordForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        dress_new_passwords(self, _("New password"), _("New password again"))


class ResetPasswordForm(account.ResetPasswordForm):  # type: ignore[misc]
    users: list[User]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        dress(self, "email", _("E-mail"), autocomplete="username", autofocus=True)

    def clean_email(self) -> str:
        """allauth sends the link to an address that was added and never verified as well.

        Whoever gets mail there, by a slip of the hand perhaps, would take over the account; or believe it to be his,
        and connect what is his to somebody else's.
        """
        email: str = super().clean_email()
        self.users = [user for user in self.users if belongs_to(user, email)]
        return email


class ResetPasswordKeyForm(account.ResetPasswordKeyForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        dress_new_passwords(self, _("New password"), _("New password again"))
        self.fields["password1"].widget.attrs["autofocus"] = True


class ReauthenticateForm(account.ReauthenticateForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        dress(self, "password", _("Password"), autocomplete="current-password", autofocus=True)


class GoodOnce:
    """A form for an app's code, which is good once (RFC 6238 section 5.2).

    allauth remembers a used one for a period, and takes it for as many as `MFA_TOTP_TOLERANCE` makes of that.
    """

    user: User
    cleaned_data: dict[str, Any]

    def clean_code(self) -> str:
        """Refuse what was used already, as a guess that failed."""
        name = f"akhrot.code_used:{self.user.pk}:{normalize_user_code(self.cleaned_data['code'])}"
        if cache.get(name):
            check_rate_limit(self.user)
            raise get_adapter().validation_error("incorrect_code")
        code: str = super().clean_code()  # type: ignore[misc]
        cache.set(name, True, timeout=app_settings.TOTP_PERIOD * (2 * app_settings.TOTP_TOLERANCE + 1))
        return code


class CodeForm(GoodOnce, codes.AuthenticateForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        dress(
            self, "code", _("Code"), hint=_("From your authenticator app, or a recovery code."), autofocus=True, **CODE
        )


class CodeAgainForm(GoodOnce, codes.ReauthenticateForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        dress(
            self, "code", _("Code"), hint=_("From your authenticator app, or a recovery code."), autofocus=True, **CODE
        )


class ActivateTotpForm(TotpForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        dress(self, "code", _("Code from the app"), **CODE)


class PasskeyAnswer(forms.JSONField):
    """What the browser says for a passkey. Nested without end it is no JSON, and none of it is shown again."""

    def to_python(self, value: Any) -> Any:
        """What was sent. Raises ValidationError."""
        try:
            return super().to_python(value)
        except RecursionError:
            raise forms.ValidationError(UNKNOWN_PASSKEY, code="invalid") from None

    def bound_data(self, data: Any, initial: Any) -> Any:
        """What the field holds when the page comes back: nothing, for each attempt has an answer of its own."""
        return initial


class AddPasskeyForm(passkeys.AddWebAuthnForm):  # type: ignore[misc]
    credential = PasskeyAnswer(widget=forms.HiddenInput)
    # allauth makes the box when its module is imported, and leaves it out where passkeys are no way to sign in.
    passwordless = forms.BooleanField(
        required=False,
        initial=True,
        label=_("Sign in without a password"),
        help_text=_("If unticked, it is a second factor, asked for after the password."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        hint = _("To tell it from others: for example, the device it is on.")
        dress(self, "name", _("Name"), hint=hint, maxlength=NAME_LENGTH)
        self.initial["passwordless"] = True

    def clean_name(self) -> str:
        """A name that is too long is cut: the device has its passkey already, which must not be lost for its name."""
        name: str = super().clean_name()
        return name[:NAME_LENGTH]


class PasskeyForm(passkeys.AuthenticateWebAuthnForm):  # type: ignore[misc]
    """allauth says of every credential that it refuses what it says of a mistyped code."""

    credential = PasskeyAnswer(widget=forms.HiddenInput)

    def clean_credential(self) -> Any:
        try:
            return super().clean_credential()
        except forms.ValidationError as error:
            raise forms.ValidationError(UNKNOWN_PASSKEY) if error.code == "incorrect_code" else error from None


class PasskeyLoginForm(PasskeyForm, passkeys.LoginWebAuthnForm):  # type: ignore[misc]
    pass


class PasskeyAgainForm(PasskeyForm, passkeys.ReauthenticateWebAuthnForm):  # type: ignore[misc]
    pass


class RenamePasskeyForm(passkeys.EditWebAuthnForm):  # type: ignore[misc]
    name = forms.CharField(max_length=NAME_LENGTH)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        dress(self, "name", _("Name"), autofocus=True)
