"""All settings, read from the environment. Each variable is described in `docs/configuration.md`."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _
from kombu import Queue

from akhrot_site import counting, environment, logs
from akhrot_site.environment import read

counting.keep_off_full_disks()

BASE_DIR = Path(__file__).resolve().parent.parent
DEBUG = read("DEBUG", environment.flag, "false")

# --- Akhrot's own -----------------------------------------------------------------------------------------------

AKHROT_DATA_DIR = read("AKHROT_DATA_DIR", environment.folder, str(BASE_DIR / "data"))
PORT = read("PORT", environment.number(1, 65535), "8000")
HOST = read("HOST", environment.text, "127.0.0.1")
AKHROT_BASE_URL = read("AKHROT_BASE_URL", environment.origin, f"http://127.0.0.1:{PORT}")
AKHROT_KEYS = read("AKHROT_KEYS", environment.text, "")
AKHROT_CATALOG_DIR = read("AKHROT_CATALOG_DIR", environment.existing_folder, "")
AKHROT_ALLOW_PRIVATE_HOSTS = read("AKHROT_ALLOW_PRIVATE_HOSTS", environment.private_hosts, "")
AKHROT_SIGNUP = read("AKHROT_SIGNUP", environment.choice("closed", "invite", "open"), "closed")
AKHROT_LEDGER_DAYS = read("AKHROT_LEDGER_DAYS", environment.number(1, 36500), "365")
AKHROT_RATE_LIMIT = read("AKHROT_RATE_LIMIT", environment.rate_limit, "600/60")
AKHROT_RETURN_ORIGINS = read("AKHROT_RETURN_ORIGINS", environment.origins, "")
AKHROT_TELEGRAM_DC = read("AKHROT_TELEGRAM_DC", environment.telegram_dc, "")
AKHROT_WEB_PROCESSES = read("AKHROT_WEB_PROCESSES", environment.number(1, 64), "1")
AKHROT_WEB_THREADS = read("AKHROT_WEB_THREADS", environment.number(4, 1024), "128")

BASE_HOST = urlsplit(AKHROT_BASE_URL).hostname or ""
HTTPS = AKHROT_BASE_URL.startswith("https://")
LOOPBACK_HOSTS = ["127.0.0.1", "localhost", "[::1]"]
# With https there is a proxy in front, which ends TLS; unless told otherwise it is taken to be on this machine.
AKHROT_TRUSTED_PROXIES = read("AKHROT_TRUSTED_PROXIES", environment.networks, "127.0.0.1, ::1" if HTTPS else "")

# --- Security ---------------------------------------------------------------------------------------------------

SECRET_KEY = read("SECRET_KEY", environment.text, "") or environment.secret_key(AKHROT_DATA_DIR / "secret_key")
ALLOWED_HOSTS = [BASE_HOST, *(LOOPBACK_HOSTS if BASE_HOST in {"127.0.0.1", "localhost", "::1"} else [])]
CSRF_TRUSTED_ORIGINS = [AKHROT_BASE_URL]

# The scheme of the base URL decides, not DEBUG. The header is believed from trusted proxies alone:
# `akhrot_site.middleware.TrustedProxies` removes everybody else's.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz)/?$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_REFERRER_POLICY = "same-origin"
# With this prefix, which demands https, browsers take a cookie from this very host alone: none beside it can plant its
# own (RFC 6265bis, section 4.1.3.2).
COOKIES = "__Host-akhrot" if HTTPS else "akhrot"
SESSION_COOKIE_NAME = f"{COOKIES}_session"
SESSION_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "akhrot_site.errors.csrf_failure"
CSRF_COOKIE_NAME = f"{COOKIES}_csrf"
CSRF_COOKIE_SECURE = HTTPS
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = HTTPS
X_FRAME_OPTIONS = "DENY"

# Chromium applies form-action to every redirect after a POST as well. The page that connects a provider therefore
# widens it, with csp's `csp_update` decorator, for its own answer only.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}
# Unfold's pages evaluate Alpine expressions and set styles; only `/admin/` gets this policy.
ADMIN_CONTENT_SECURITY_POLICY = {
    "script-src": ["'self'", "'unsafe-eval'"],
    "style-src": ["'self'", "'unsafe-inline'"],
}

# --- Application ------------------------------------------------------------------------------------------------

ROOT_URLCONF = "akhrot_site.urls"
WSGI_APPLICATION = "akhrot_site.wsgi.application"
APPEND_SLASH = False
INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "csp",
    "django_htmx",
    "django_structlog",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
    "apikeys",
    "providers",
    "connections",
    "akhrot_site",
]
MIDDLEWARE = [
    "akhrot_site.middleware.TrustedProxies",
    "akhrot_site.middleware.RequestLog",
    "django.middleware.security.SecurityMiddleware",
    # Calls of agents end here: everything below serves browsers.
    "akhrot_site.middleware.ApiShortcut",
    "akhrot_site.middleware.AdminContentSecurityPolicy",
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "akhrot_site.static_files.StaticFiles",
    # What a page hides in it, Django masks anew each time and pads (BREACH); agents' calls never come here.
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "akhrot_site.middleware.LastSeen",
    "django_htmx.middleware.HtmxMiddleware",
]
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
STATIC_URL = "/static/"
# Served from where they lie, with an ETag each: nothing to collect, hence nothing that could be out of date.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
WHITENOISE_MAX_AGE = 300
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
# English is the one language so far. Texts are marked all the same, so that another one is a file and no rewriting;
# nothing looks at the browser's languages, so that agents and people are answered alike.
LANGUAGES = [("en", "English")]
USE_I18N = True
LOCALE_PATHS = [BASE_DIR / "akhrot_site" / "locale"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DEFAULT_EXCEPTION_REPORTER_FILTER = "akhrot_site.logs.SafeReports"
LOGGING = logs.configure(debug=DEBUG)

# --- Database, cache, queue -------------------------------------------------------------------------------------

SQLITE_OPTIONS = {
    # A transaction that begins as a reader and then writes fails at once if somebody wrote in between; one that
    # begins as a writer waits.
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    # There may be a connection for each of 128 threads: half a megabyte of cache each, and the file mapped once.
    "init_command": (
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;"
        "PRAGMA cache_size=-512; PRAGMA mmap_size=134217728"
    ),
}
# Prepared statements need parameters bound by the server. A pooler such as PgBouncer in transaction mode cannot
# keep them: `?prepare_threshold=None&server_side_binding=False` at the end of DATABASE_URL turns them off.
POSTGRES_OPTIONS = {
    # A pool that could not connect for half a second tries again when it is next asked, and not some seconds later.
    "pool": {"min_size": 1, "max_size": 8, "timeout": 5, "reconnect_timeout": 0.5},
    "prepare_threshold": 5,
    "server_side_binding": True,
    "connect_timeout": 5,
    # A server that vanishes without a word (a cable, a machine) is noticed in half a minute and not in two hours.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}


def database(value: str) -> dict[str, Any]:
    """Django's settings of the database at a URL: a pool for PostgreSQL, WAL for SQLite."""
    config: dict[str, Any] = environ.Env.db_url_config(value)
    engine = str(config.get("ENGINE", ""))
    options = {name: environment.literal(option) for name, option in config.get("OPTIONS", {}).items()}
    if engine.endswith("sqlite3"):
        name = config["NAME"]
        return config | {
            "ENGINE": "akhrot_site.sqlite",
            "OPTIONS": SQLITE_OPTIONS | options,
            "CONN_MAX_AGE": None,
            # A file, since an in-memory database shared by threads locks whole tables and waits for nobody.
            "TEST": {"NAME": str(Path(AKHROT_DATA_DIR if name == ":memory:" else name).parent / "test.sqlite3")},
        }
    if engine.endswith("postgresql"):
        if not config.get("NAME"):
            raise ValueError("must name a database, as postgres://user:password@host:5432/name does.")
        return config | {
            "ENGINE": "akhrot_site.postgresql",
            "OPTIONS": POSTGRES_OPTIONS | options,
            "CONN_MAX_AGE": 0,
        }
    raise ValueError("must begin with sqlite:/// or postgres://.")


DATABASES = {"default": read("DATABASE_URL", database, f"sqlite:///{AKHROT_DATA_DIR / 'akhrot.sqlite3'}")}
SQLITE = DATABASES["default"]["ENGINE"] == "akhrot_site.sqlite"
REDIS_URL = read("REDIS_URL", environment.redis_url, "")
# Failed sign-ins and used codes are remembered here, and a full cache drops the oldest. Django's own 300 entries are
# full after 150 requests, so that whoever guesses could have his guesses forgotten at will.
CACHES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 100_000}}
}

CELERY_BROKER_URL = REDIS_URL or "filesystem://localhost"
# Ringing the bell must never hold up who rings it: one try with short time-outs. A lost bell costs nothing, since
# the sweep finds the work in the database.
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_CONNECTION_TIMEOUT = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_POOL = "threads"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TIMEZONE = TIME_ZONE
# What somebody waits for does not stand in line behind a sweep.
CELERY_TASK_DEFAULT_QUEUE = "background"
CELERY_TASK_ROUTES = {"connections.refresh": {"queue": "interactive"}}
CELERY_TASK_QUEUES = (Queue("interactive"), Queue("background"))
CELERY_BEAT_SCHEDULE_FILENAME = str(AKHROT_DATA_DIR / "beat-schedule")
if REDIS_URL:
    CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {
        "socket_connect_timeout": 1,
        "socket_timeout": 1,
        "max_retries": 1,
        "queue_order_strategy": "priority",
        "interval_start": 0,
        "interval_step": 0.1,
        "interval_max": 0.1,
    }
else:
    QUEUE_DIR = AKHROT_DATA_DIR / "queue"
    for folder in (QUEUE_DIR, QUEUE_DIR / "messages", QUEUE_DIR / "control"):
        folder.mkdir(mode=0o700, exist_ok=True)
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(QUEUE_DIR / "messages"),
        "data_folder_out": str(QUEUE_DIR / "messages"),
        "control_folder": str(QUEUE_DIR / "control"),
        "polling_interval": 0.2,
    }


def every(seconds: int, task: str) -> dict[str, Any]:
    """A bell that nobody heard is worthless once the next one rings."""
    return {"task": task, "schedule": seconds, "options": {"expires": seconds, "ignore_result": True}}


CELERY_BEAT_SCHEDULE = {
    "sweep": every(5, "connections.sweep"),
    "tell": every(30, "connections.tell"),
    "remind": every(3600, "connections.remind"),
    "verify pending": every(300, "connections.verify_pending"),
    "tidy": every(600, "connections.tidy"),
    "roll up": every(60, "apikeys.roll_up"),
    "purge ledger": every(86_400, "apikeys.purge_ledger"),
    "depart": every(60, "akhrot_site.depart"),
    "tidy people": every(3600, "akhrot_site.tidy"),
}

# --- Accounts and mail ------------------------------------------------------------------------------------------

AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("email",)},
    },
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/app/"
LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_ADAPTER = "akhrot_site.accounts.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_UNIQUE_EMAIL = True
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if HTTPS else "http"
ACCOUNT_EMAIL_SUBJECT_PREFIX = "Akhrot: "
# Whoever holds a session left open must not be able to change how one signs in, and every change is told by mail.
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
# Beside allauth's own, all of them by the minute. `akhrot_site.accounts` says in words how long these two last.
ACCOUNT_RATE_LIMITS = {"login_failed": "10/m/ip,5/5m/key", "invite": "30/h/user"}
ACCOUNT_FORMS = {
    "login": "akhrot_site.account_forms.LoginForm",
    "signup": "akhrot_site.account_forms.SignupForm",
    "add_email": "akhrot_site.account_forms.AddEmailForm",
    "change_password": "akhrot_site.account_forms.ChangePasswordForm",
    "set_password": "akhrot_site.account_forms.SetPasswordForm",
    "reset_password": "akhrot_site.account_forms.ResetPasswordForm",
    "reset_password_from_key": "akhrot_site.account_forms.ResetPasswordKeyForm",
    "reauthenticate": "akhrot_site.account_forms.ReauthenticateForm",
}
MFA_ADAPTER = "akhrot_site.accounts.FactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_TOTP_ISSUER = "Akhrot"
# RFC 6238 section 5.2: the code of one step ago is good as well, for clocks differ and people type.
MFA_TOTP_TOLERANCE = 1
MFA_FORMS = {
    "authenticate": "akhrot_site.account_forms.CodeForm",
    "reauthenticate": "akhrot_site.account_forms.CodeAgainForm",
    "activate_totp": "akhrot_site.account_forms.ActivateTotpForm",
    "add_webauthn": "akhrot_site.account_forms.AddPasskeyForm",
    "edit_webauthn": "akhrot_site.account_forms.RenamePasskeyForm",
    "authenticate_webauthn": "akhrot_site.account_forms.PasskeyForm",
    "login_webauthn": "akhrot_site.account_forms.PasskeyLoginForm",
    "reauthenticate_webauthn": "akhrot_site.account_forms.PasskeyAgainForm",
}
# Browsers know passkeys by a name, never by a number, and on plain http for this machine alone; the library must be
# told of the latter.
PASSKEYS_WORK = BASE_HOST == "localhost" or (HTTPS and environment.is_name(BASE_HOST))
MFA_PASSKEY_LOGIN_ENABLED = PASSKEYS_WORK
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not HTTPS and PASSKEYS_WORK

vars().update(read("EMAIL_URL", environment.mail, "consolemail://"))
EMAIL_TIMEOUT = 10
MAIL_USER = str(vars().get("EMAIL_HOST_USER") or "")
# Most mail servers let whoever signs in send from that address alone.
DEFAULT_FROM_EMAIL = f"Akhrot <{MAIL_USER if '@' in MAIL_USER else f'akhrot@{BASE_HOST}'}>"
SERVER_EMAIL = DEFAULT_FROM_EMAIL

# --- The agent API ----------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["apikeys.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "EXCEPTION_HANDLER": "connections.refusals.exception_handler",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
    # The test client speaks what agents speak.
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Akhrot",
    "DESCRIPTION": "A self-hosted broker of credentials for AI agents.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "COMPONENT_SPLIT_REQUEST": True,
    "SERVERS": [{"url": AKHROT_BASE_URL}],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    # Choices stand where they are used; components of their own would need a name for every "status".
    "POSTPROCESSING_HOOKS": ["connections.openapi.finish"],
}

# --- The admin ---------------------------------------------------------------------------------------------------


def changelist(name: str) -> Any:
    """The address of a list in the admin."""
    return reverse_lazy(f"admin:{name}_changelist")


UNFOLD = {
    "SITE_TITLE": _("Akhrot admin"),
    "SITE_HEADER": "Akhrot",
    "SITE_SUBHEADER": _("Admin"),
    "SITE_URL": "/app/",
    "SITE_ICON": lambda _: static("akhrot.svg"),
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda _: static("favicon.svg")}],
    "STYLES": [lambda _: static("admin.css")],
    "SHOW_HISTORY": False,
    "SHOW_BACK_BUTTON": True,
    "BORDER_RADIUS": "8px",
    "DASHBOARD_CALLBACK": "connections.admin_overview.overview",
    # Passwords and second factors are changed where allauth asks for the old ones.
    "ACCOUNT": {
        "navigation": [
            {"title": _("Password"), "link": reverse_lazy("account_change_password")},
            {"title": _("Second factors"), "link": reverse_lazy("mfa_index")},
        ]
    },
    "COLORS": {
        "primary": {
            "50": "#fbf6f0",
            "100": "#f5e8d9",
            "200": "#ead0b2",
            "300": "#dcb283",
            "400": "#c98e52",
            "500": "#b0733a",
            "600": "#7a4b1e",
            "700": "#65401c",
            "800": "#4f321a",
            "900": "#3b2616",
            "950": "#22150b",
        },
        "base": {
            "50": "#fbfaf9",
            "100": "#f5f2ee",
            "200": "#e8e4df",
            "300": "#d5cfc8",
            "400": "#a8a098",
            "500": "#736c64",
            "600": "#57514a",
            "700": "#433e39",
            "800": "#2b2724",
            "900": "#1b1917",
            "950": "#131110",
        },
    },
    "SIDEBAR": {
        "navigation": [
            {
                "items": [
                    {"title": _("Overview"), "icon": "home", "link": reverse_lazy("admin:index")},
                    {"title": _("Providers"), "icon": "hub", "link": changelist("providers_provider")},
                    {"title": _("Connections"), "icon": "link", "link": changelist("connections_connection")},
                    {"title": _("Connect links"), "icon": "add_link", "link": changelist("connections_oauthsession")},
                    {"title": _("Refreshes"), "icon": "autorenew", "link": changelist("connections_refresh")},
                    {"title": _("Notices"), "icon": "outgoing_mail", "link": changelist("connections_notice")},
                ]
            },
            {
                "title": _("Agents"),
                "items": [
                    {"title": _("API keys"), "icon": "key", "link": changelist("apikeys_apikey")},
                    {"title": _("Ledger"), "icon": "receipt_long", "link": changelist("apikeys_auditevent")},
                ],
            },
            {
                "title": _("People"),
                "items": [
                    {"title": _("Users"), "icon": "group", "link": changelist("auth_user")},
                    {"title": _("Invitations"), "icon": "person_add", "link": changelist("akhrot_site_invitation")},
                    {"title": _("E-mail addresses"), "icon": "mail", "link": changelist("account_emailaddress")},
                    {"title": _("Second factors"), "icon": "lock", "link": changelist("mfa_authenticator")},
                ],
            },
        ],
    },
}

# --- Observation ------------------------------------------------------------------------------------------------

# A line for each request, when it ends; the address is bound by our own middleware, which knows the proxies.
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False
DJANGO_STRUCTLOG_USER_ID_FIELD = ""
DJANGO_STRUCTLOG_TRUST_UPSTREAM_REQUEST_ID = True
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = 10
DJANGO_STRUCTLOG_CELERY_ENABLED = True
DJANGO_STRUCTLOG_CELERY_DEFAULT_LOG_LEVEL = 10
DJANGO_STRUCTLOG_CELERY_TASK_FAILURE_LOG_LEVEL = 40

if DEBUG and HTTPS:
    raise ImproperlyConfigured("DEBUG: must be off when AKHROT_BASE_URL is https.")
