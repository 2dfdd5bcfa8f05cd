"""The OAuth half of a stand-in: its consent, its token endpoint and what else the file says is asked."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from providers.oauth_parts import After, OAuth, Paths
from providers.parts import Request
from providers.spec import ProviderSpec
from tests.stand_in import reading
from tests.stand_in.reading import account_leaves, all_filled, filled
from tests.stand_in.turns import StandIn, Turn

CLIENT, SECRET = "client-1", "s&cret=t/+%1"
CODE = "code/1+=%&"
LIFETIME, REFRESH_LIFETIME = 1800, 86_400 * 20


@dataclass
class OAuthProvider:
    """What the file of `spec` describes, over one `stand_in`. `typed` is what the user gave."""

    spec: ProviderSpec
    stand_in: StandIn
    redirect_uri: str
    typed: dict[str, str]
    client: tuple[str, str] = (CLIENT, SECRET)
    scopes: list[str] = field(default_factory=list)
    challenge: str = ""
    state: str = ""
    issued: int = 0
    refresh_token: str = ""
    extra: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert self.spec.oauth is not None
        self.oauth: OAuth = self.spec.oauth
        if self.spec.is_pasted and self.oauth.client:
            user, secret = (filled(part, self.values()) for part in self.oauth.client)
            self.client = user, secret

    @property
    def access_token(self) -> str:
        """The last one issued."""
        return f"access-{self.issued}"

    def values(self, **more: str) -> dict[str, str]:
        """What templates may name."""
        return reading.known(self.spec, {**self.typed, **self.extra, **more})

    # The browser's part.

    def consent(self, address: str) -> dict[str, str]:
        """What the authorization request asks for, checked; the parameters of the redirect back."""
        base, _, query = address.partition("?")
        due, _, own = filled(self.oauth.authorize_url, self.values(), url=True).partition("?")
        sent = parse_qsl(query, keep_blank_values=True, strict_parsing=True)
        params = dict(sent)
        assert (base, len(sent)) == (due, len(params)), "a parameter is there twice"
        names = self.oauth.param_names
        self.state = params.pop(names.get("state", "state"))
        self.challenge = params.pop(names.get("code_challenge", "code_challenge"), "")
        assert len(self.state) >= 22
        assert bool(self.challenge) == (self.oauth.pkce != "unsupported")
        assert params == {**dict(parse_qsl(own)), **self._renamed(self._asked())}
        callback = {path: f"{path}-told" for path in self.oauth.callback_keep.values()}
        self.extra |= {name: callback[path] for name, path in self.oauth.callback_keep.items()}
        issuer = {"iss": self.oauth.issuer} if self.oauth.issuer else {}
        return {"code": CODE, "state": self.state, **issuer, **callback}

    def _asked(self) -> dict[str, str]:
        params = {"response_type": "code", "client_id": self.client[0], "redirect_uri": self.redirect_uri}
        if self.challenge:
            params["code_challenge_method"] = "S256"
        firsts, seconds = self._parted()
        if firsts:
            params[self.oauth.scope_param] = self.oauth.scope_separator.join(firsts)
        if seconds and self.oauth.second:
            params[self.oauth.second.scope_param] = self.oauth.scope_separator.join(seconds)
        return params | self.oauth.authorize_params

    def _parted(self) -> tuple[list[str], list[str]]:
        prefix = self.oauth.second.prefix if self.oauth.second else None
        seconds = [scope for scope in self.scopes if prefix and scope.startswith(prefix)]
        return [one for one in self.scopes if one not in seconds], [one[len(prefix or "") :] for one in seconds]

    # Requests of ours.

    def expect_connection(self) -> None:
        """The code's exchange, what lengthens it, whose it is, and where it opens."""
        traded = {"grant_type": "authorization_code", "code": CODE, "redirect_uri": self.redirect_uri}
        params = traded | all_filled(self.oauth.token_params, self.values())
        url = filled(self.oauth.token_url, self.values(), url=True)
        turn = self._token_turn("the code", url, self.oauth.token_method, params, challenge=self.challenge)
        self.stand_in.expect(turn)
        if rule := self.oauth.exchange:
            url, params = filled(rule.url, self.values(), url=True), all_filled(rule.params, self._secrets())
            self.stand_in.expect(self._plain_turn("the exchange", url, rule.method, params, paths=rule.answer))
        self.expect_calls()

    def expect_calls(self) -> None:
        """The identity call and the one after it."""
        for what, rule in (("identity", self.oauth.identity), ("after", self.oauth.after)):
            if rule:
                answer = self._items(rule) if isinstance(rule, After) else reading.document(account_leaves(rule))
                self.stand_in.expect(self._call(what, rule, answer))

    def expect_client_grant(self) -> None:
        """A token for the user's own client."""
        scope = {self.oauth.scope_param: self.oauth.scope_separator.join(self.scopes)} if self.scopes else {}
        params = {"grant_type": "client_credentials", **scope, **all_filled(self.oauth.token_params, self.values())}
        url = filled(self.oauth.token_url, self.values(), url=True)
        self.stand_in.expect(self._token_turn("the client", url, self.oauth.token_method, params))

    def expect_refresh(self, **options: Any) -> None:
        """A refresh with the token that is held; `options` as for the answer."""
        params = all_filled(self.oauth.refresh_params, self._secrets())
        url = filled(self.oauth.refresh_url or self.oauth.token_url, self.values(), url=True)
        method = self.oauth.refresh_method or self.oauth.token_method
        if self.oauth.refresh_with == "access_token":
            paths = self.oauth.exchange.answer if self.oauth.exchange else self.oauth.answer
            self.stand_in.expect(self._plain_turn("the refresh", url, method, params, paths=paths, **options))
            return
        params = {"grant_type": "refresh_token", "refresh_token": self.refresh_token, **params}
        self.stand_in.expect(self._token_turn("the refresh", url, method, params, **options))

    def expect_revocation(self) -> None:
        """The end of the grant, or of each token."""
        tokens = [(self.refresh_token or self.access_token, self.access_token)]
        if self.oauth.second and self.oauth.revoke.ends == "token" and self._parted()[1]:
            second = self.extra[self.oauth.second.name]
            tokens.append((second, second))
        self.stand_in.expect(*(self._revocation(*one) for one in tokens))

    # What they are like.

    def _secrets(self) -> dict[str, str]:
        names = {"accessToken": self.access_token, "clientId": self.client[0], "clientSecret": self.client[1]}
        return self.values(**names)

    def _renamed(self, params: dict[str, str]) -> dict[str, str]:
        return {self.oauth.param_names.get(name, name): value for name, value in params.items()}

    def _token_turn(
        self, what: str, url: str, method: str, params: dict[str, str], *, challenge: str = "", **options: Any
    ) -> Turn:
        headers = {"Accept": "application/json", **self.oauth.token_headers}
        if self.oauth.client_auth == "client_secret_basic":
            headers["Authorization"] = reading.basic(*self.client)
        else:
            params |= {"client_id": self.client[0]}
        if self.oauth.client_auth == "client_secret_post":
            params |= {"client_secret": self.client[1]}
        sent: dict[str, Any] = {"query" if method == "GET" else self.oauth.body: self._renamed(params)}
        verifier = self.oauth.param_names.get("code_verifier", "code_verifier")
        common: dict[str, Any] = {"what": what, "method": method, "url": url, "headers": headers, **sent}
        return Turn(**common, challenge=challenge, verifier=verifier, **self._answer(self.oauth.answer, **options))

    def _plain_turn(
        self, what: str, url: str, method: str, params: dict[str, str], *, paths: Paths, **options: Any
    ) -> Turn:
        headers = {"Accept": "application/json", **self.oauth.token_headers}
        sent: dict[str, Any] = {"query" if method == "GET" else "form": params}
        return Turn(what=what, method=method, url=url, headers=headers, **sent, **self._answer(paths, **options))

    def _call(self, what: str, asked: Request, answer: Any) -> Turn:
        values = self.values(accessToken=self.access_token)
        headers = {"Accept": "application/json", "Authorization": f"Bearer {self.access_token}"}
        url = filled(asked.url, values, url=True)
        common: dict[str, Any] = {"what": what, "method": asked.method, "url": url, "json": asked.json_body}
        headers |= all_filled(asked.headers, values)
        return Turn(**common, headers=headers, status=asked.status, answer=answer)

    def _revocation(self, token: str, access_token: str) -> Turn:
        rule, values = self.oauth.revoke, self.values(token=token, accessToken=access_token, clientId=self.client[0])
        params, auth = all_filled(rule.params, values), rule.client_auth or self.oauth.client_auth
        headers = {"Accept": "application/json"}
        if auth in ("bearer", "client_secret_basic"):
            headers["Authorization"] = f"Bearer {access_token}" if auth == "bearer" else reading.basic(*self.client)
        else:
            params |= {"client_id": self.client[0]}
        if auth == "client_secret_post":
            params |= {"client_secret": self.client[1]}
        url = filled(self.oauth.revoke_url, values, url=True)
        body: dict[str, Any] = {} if rule.body == "none" else {rule.body: params}
        return Turn(what="the revocation", method=rule.method, url=url, headers=headers, status=200, answer={}, **body)

    # What they are answered.

    def _answer(self, named: Paths, *, error: str = "", silent: bool = False, rotated: bool = True) -> dict[str, Any]:
        """A token answer, or an error; `silent` about its end, `rotated` with another refresh token."""
        if error:
            path = reading.paths(self.oauth.answer).get("error", "error")
            return {"status": 400, "answer": reading.document({path: error})}
        paths = reading.paths(named)
        self.issued += 1
        leaves = {paths.get("access_token", "access_token"): self.access_token, **self._kept()}
        if rotated and self.oauth.refresh_with == "refresh_token" and not self.spec.is_pasted:
            self.refresh_token = f"refresh/{self.issued}+="
            leaves[paths.get("refresh_token", "refresh_token")] = self.refresh_token
        if not silent:
            leaves |= {**self._ends(paths), **self._granted(paths)}
        return {"answer": reading.document(leaves)}

    def _kept(self) -> dict[str, Any]:
        values = reading.kept(self.spec, self.oauth.keep)
        self.extra |= values
        return {path: values[name] for name, path in self.oauth.keep.items()}

    def _ends(self, paths: Mapping[str, str]) -> dict[str, Any]:
        ends: dict[str, Any] = {paths.get("refresh_expires_in", "refresh_token_expires_in"): str(REFRESH_LIFETIME)}
        now = dt.datetime.now(dt.UTC)
        if path := paths.get("refresh_expires_at"):
            ends = {path: (now + dt.timedelta(seconds=REFRESH_LIFETIME)).timestamp()}
        if path := paths.get("expires_at"):
            return {**ends, path: (now + dt.timedelta(seconds=LIFETIME)).isoformat()}
        return {**ends, paths.get("expires_in", "expires_in"): LIFETIME}

    def _granted(self, paths: Mapping[str, str]) -> dict[str, Any]:
        firsts, seconds = self._parted()
        # A separator that nobody would look for in an answer: there are JSON lists for that.
        plain = self.oauth.scope_separator in (" ", ",")
        told = self.oauth.scope_separator.join(firsts) if plain else firsts
        granted: dict[str, Any] = {paths.get("scope", "scope"): told} if firsts else {}
        if (rule := self.oauth.second) and seconds and self.issued == 1:
            self.extra[rule.name] = "second-1"
            granted |= {rule.access_token: "second-1", rule.scope: self.oauth.scope_separator.join(seconds)}
            granted |= {rule.expires_in: LIFETIME} if rule.expires_in else {}
        return granted

    def _items(self, rule: After) -> Any:
        """What `rule` finds in the answer: of a list the second is the one to choose, and one is not on offer."""
        of_answer = dict.fromkeys(rule.present, "there") | rule.expect
        values = reading.kept(self.spec, rule.keep)
        self.extra |= values
        leaves = {path: f"the {path}" for path in (*rule.id, *rule.label)}
        right = {**leaves, **{path: values[name] for name, path in rule.keep.items()}, **rule.only}
        if rule.list is None:
            return reading.document(of_answer | right)
        other = right | {path: f"another-{path}" for path in rule.id}
        wrong = [other | dict.fromkeys(rule.only, "otherwise")] if rule.only else []
        listed = [reading.document(one) for one in (*wrong, other, right)]
        return reading.document(of_answer | {rule.list: listed}) if rule.list else listed
