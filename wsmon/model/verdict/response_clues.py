"""The meaning of the usual phrases of a refusal: a lockout, a limit, a token, a plan, an Origin.

A phrase counts only as a whole clause, with what may follow it (for whom, since when); a text that merely mentions its
words is left to be quoted. Where a text is about something behind the server, it is not about this client.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Final, NamedTuple

from wsmon.model.verdict.close_codes import Advice


class ResponseClue(NamedTuple):
    """The meaning of a phrase in a response."""

    pattern: str
    """With what may follow the phrase; compiled when it is first tried, since all together take 30 ms."""
    bare: str
    """The phrase alone, which counts with a status that does not fit it, too, as a possibility."""
    advice: Advice
    statuses: frozenset[int]
    """Those with which the text is plausible as it stands; with another the status may mean something else."""
    is_name: bool = False
    """Whether the phrase is a mere name, which counts only as the whole text."""


class ResponseReading(NamedTuple):
    """A phrase that was found in a response."""

    advice: Advice
    is_plausible: bool
    """Whether the status fits it."""


SUBPROTOCOL: Final = Advice(
    "the response refers to the subprotocol",
    'set subprotocols to the one that the service documents, as in subprotocols = ["mqtt"]',
)


def read_response(text: str, status: int, *, is_error_member: bool = False) -> ResponseReading | None:
    """Return the meaning of a text of a response; ``None`` where it is none of the usual phrases.

    ``is_error_member``: it is from an error member of JSON, which makes an error of a response with any 2xx, too.
    """
    if _ELSEWHERE.search(_normal(text)):
        return None
    clauses = [clause for clause in _clauses(text) if not _TURNED.search(clause)]
    whole = _stripped(_normal(text.rstrip(".!")))
    for clue in RESPONSE_CLUES:
        if status in clue.statuses or (is_error_member and 200 <= status < 300):
            read = (whole,) if clue.is_name else clauses
            if any(_compiled(clue.pattern).fullmatch(each) for each in read):
                return ResponseReading(clue.advice, is_plausible=True)
        elif _compiled(clue.bare).fullmatch(whole):
            return ResponseReading(clue.advice, is_plausible=False)
    return None


_compiled = cache(re.compile)

# Parts of the service that the client does not speak to
_ELSEWHERE: Final = re.compile(
    r"\b(?:upstream|back ?end|data ?base|db|redis|postgres(?:ql)?|mysql|mongo(?:db)?|kafka|ldap|smtp|vault|internal|"
    r"provider|cluster|replicas?|pool|node|worker|shard|broker)\b"
)
# Words that turn a phrase round, or make it a mere possibility
_TURNED: Final = re.compile(
    r"\b(?:unless|otherwise|no longer|never|would|could|may|might|not (?:an?|the|your|because)|isn t|aren t|"
    r"remaining|left)\b"
)
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SEPARATORS: Final = re.compile(r"[_\-‐‑\s\"'“”‘’`*]+")
# A question states nothing
_CLAUSE_END: Final = re.compile(r"[.!;]+(?=\s|\Z)|\n| [-–—|] |[.!…]+\Z")
# What may stand before the statement itself
_LEAD: Final = re.compile(
    r"(?:(?:http )?[1-5]\d\d(?: |:|\Z)|(?:error|err|fatal|failed|failure|sorry|unauthori[sz]ed|unauthenticated|"
    "forbidden|"
    "access denied|permission denied|bad request|invalid request|payment required|not found|service unavailable|"
    "too many requests|"
    r"authentication (?:failed|error|failure)|auth(?:orization)? (?:failed|error)|"
    "(?:web ?socket |ws )?(?:handshake|upgrade|connection|request)(?: was| is)? (?:failed|rejected|refused|denied|"
    "error)|"
    r"invalid (?:grant|token)|web ?socket|reason|message|code \d+)(?: \d+)? ?[:,] ?)+"
)
_DETERMINER: Final = re.compile(r"(?:(?:the|your|this|that|a|an|you have|you've|please|we have) )+")


def _normal(text: str) -> str:
    return _SEPARATORS.sub(" ", _CAMEL.sub(" ", text)).strip().lower()


def _stripped(clause: str) -> str:
    """Return a clause without an article or an address to the reader at its beginning."""
    found = _DETERMINER.match(clause)
    return clause[found.end() :] if found else clause


def _clauses(text: str) -> Iterator[str]:
    """Yield the statements of a text, normalised: lower case, words apart, without what leads up to them."""
    for sentence in _CLAUSE_END.split(text):
        clause = _normal(sentence).strip(" ,:")
        if not clause:
            continue
        yield _stripped(clause)
        if lead := _LEAD.match(clause):
            yield _stripped(clause[lead.end() :].strip())


# What may follow a phrase: for whom, where, when, what to do
_TAIL: Final = (
    r"(?:[ ,]+(?:(?:for|from|on|at|after|until|in|within|per|since|by|of|please|try|retry|wait|with) .*|"
    r"\(.*|\[.*|"
    "now|yet|ago|already|again|here))?"
)


_SUBPROTOCOL_NAME: Final = re.compile(r"\b(?:sub ?protocols?|sec web ?socket protocol)\b")
_CREDENTIAL_NAME: Final = re.compile(r"\b(?:tokens?|jwt|credentials?|auth\w*|api ?keys?|secret|pass ?words?|bearer)\b")


def names_subprotocol(text: str) -> bool:
    """Return whether a text mentions the subprotocol, and not as the place of a credential."""
    return _SUBPROTOCOL_NAME.search(_normal(text)) is not None and not names_credential_there(text)


def names_credential_there(text: str) -> bool:
    """Return whether a text mentions a credential and the subprotocol, in which some services take one."""
    normal = _normal(text)
    return _SUBPROTOCOL_NAME.search(normal) is not None and _CREDENTIAL_NAME.search(normal) is not None


def _clue(pattern: str, cause: str, step: str, statuses: tuple[int, ...], *, is_name: bool = False) -> ResponseClue:
    bare = f"(?:{pattern})"
    advice = Advice(cause, step)
    followed = bare if is_name else f"{bare}{_TAIL}"
    return ResponseClue(followed, bare, advice, frozenset(statuses), is_name)


_BE: Final = r"(?: is| are| was| were| has| have| had)?(?: been)?(?: already)?"
_KIND: Final = (
    "(?:(?:access|auth|authentication|authorization|bearer|session|api|jwt|id|refresh|security|login|user|client|"
    "o ?auth2?|"
    "provided|supplied|given|specified|incoming|presented|current|valid|your|the|required|app|application|account|service|stream|connection|"
    "web ?socket) )*"
)
_SECRET: Final = (
    f"{_KIND}(?:tokens?|jwt|api ?keys?|access keys?|app keys?|client id|secret|signatures?|credentials?|"
    "pass ?words?|passwd|"
    r"user ?names? (?:and|or) pass ?words?|authorization(?: header)?|auth header|authentication|auth)"
)
_TIMED: Final = (
    rf"{_KIND}(?:tokens?|jwt|sessions?|credentials?|api ?keys?|access keys?|tickets?|log ?in|cookies?|nonce)"
)
_SIGNED: Final = r"(?:(?:request|url|presigned|signed|message|hmac) )*(?:signatures?|timestamps?|url|request|link)"
_PLAN: Final = (
    "(?:(?:free|paid|premium|current|service|api|account|trial) )*(?:plan|subscription|trial(?: period)?|"
    "licen[cs]e|membership|contract)"
)
_ATTEMPTS: Final = (
    "(?:log ?ins?|sign ?ins?|auth|authentications?|authorizations?|pass ?words?)? ?(?:attempts?|tries|failures?|"
    "log ?ins?|sign ?ins?|requests?|pass ?words?)"
)
_CONNECTIONS: Final = (
    r"(?:(?:open|concurrent|simultaneous|active|parallel|new|total|web ?socket|ws|client|tcp|stream|user) )*"
    r"(?:connections?|sessions?|sockets?|clients?|streams?)"
)
_COUNT: Final = r"(?:\d{1,7}|one|two|three|four|five|ten)"
# A number of a limit, as "(10)", "of 10", "10/10"
_NUMBER: Final = r"(?: (?:of |is |: ?)?[(\[]?\d{1,7}(?: ?(?:/|of) ?\d{1,7})?[)\]]?)?"
_CONNECTION_LIMIT: Final = Advice(
    "a connection limit was reached, perhaps across all clients",
    "open fewer connections, look for other clients with these credentials or from this address, and compare with "
    "the service's limits",
)

RESPONSE_CLUES: Final = (
    _clue(
        rf"too many (?:failed|unsuccessful|invalid|bad|wrong|incorrect) {_ATTEMPTS}|"
        r"too many (?:log ?in|sign ?in|auth|authentication|pass ?word) (?:attempts?|tries|failures?|errors?)",
        "the server is temporarily rejecting logins after too many failures",
        "wait before the next attempt, as long as the service documents, since more attempts may extend it; then check "
        "the credentials in headers or URL",
        (400, 401, 403, 423, 429),
    ),
    _clue(
        rf"(?:user|account|login){_BE}(?: temporarily| currently)? locked(?: out)?|(?:account|user) locked",
        "the account is locked",
        "ask the service why and for how long; reconnecting is unlikely to help before that, and may extend the block",
        (400, 401, 403, 423, 429),
    ),
    _clue(
        f"(?:user|account|client|ip|ip address|address|you|api ?key|token){_BE}(?: are)?(?: temporarily|"
        " permanently| currently)?"
        r"(?: been)? (?:banned|suspended|blocked|disabled|deactivated|black ?listed|deny ?listed)",
        "the service operator, or an automatic rule, blocks this account or address",
        "ask the service operator why, and for how long; reconnecting is unlikely to help before that",
        (400, 401, 403, 423, 429, 451),
    ),
    _clue(
        f"too many {_CONNECTIONS}{_NUMBER}|(?:max(?:imum)?|limit|maximum number|"
        f"max number)(?: of)?(?: {_COUNT})?(?: allowed)? {_CONNECTIONS}(?: limit| count)?{_NUMBER}{_BE} "
        f"(?:exceeded|reached|hit){_NUMBER}|"
        rf"{_CONNECTIONS} (?:limit|count|quota)(?: for \S+)?{_NUMBER}{_BE} (?:exceeded|reached|hit|full){_NUMBER}"
        rf"(?: ?[:,] ?{_NUMBER} ?(?:{_CONNECTIONS}.*|\d.*))?|"
        f"(?:exceeded|exceeds|reached|hit|over|above) (?:the |your |our )?(?:max(?:imum)?(?: number)?|limit|number)?"
        f"(?: of)?(?: allowed)?(?: {_COUNT})? ?{_CONNECTIONS}(?: limit| quota| count)?{_NUMBER}|"
        f"(?:only|at most|no more than|up to|maximum|max) {_COUNT} {_CONNECTIONS}(?: is| are)?(?: allowed| permitted)?|"
        f"{_COUNT} {_CONNECTIONS} (?:is|are)? ?already (?:open|connected|active|in use)|"
        f"(?:you )?already (?:have |has )?{_COUNT} (?:open |active )?{_CONNECTIONS}",
        _CONNECTION_LIMIT.cause,
        _CONNECTION_LIMIT.next,
        (400, 403, 409, 429, 503),
    ),
    _clue(
        rf"{_CONNECTIONS} limit|max(?:imum)? {_CONNECTIONS}|limit of {_CONNECTIONS}",
        "it refers to a connection limit",
        _CONNECTION_LIMIT.next,
        (400, 403, 409, 429, 503),
        is_name=True,
    ),
    _clue(
        "(?:(?:api|request|requests|connection|message|ip|user|global|local|call) )*(?:rate ?limit(?:s|ing)?|"
        f"requests? limit){_BE} (?:exceeded|reached|hit|violated)|"
        "(?:you are being |you have been |being |you are |client |request |local |global )?(?:is )?rate ?limited|"
        "too many (?:api |http |connection |upgrade )?(?:requests|calls|attempts|connects|reconnects|"
        "connection attempts)|"
        "(?:requests? |client |you )?(?:is |are |was |were |being |has been |have been )*throttled|throttling|"
        "slow down|exceeded (?:the |your |our )?(?:rate ?limit|request limit)|rate exceeded",
        "the server's limit on connections or requests was reached",
        "connect less often: raise reconnect.initial, and open fewer connections at a time",
        (400, 403, 418, 420, 429, 503),
    ),
    _clue(
        f"(?:(?:api|request|daily|monthly|hourly|usage|message|data|free) )*quota{_BE} (?:exceeded|reached|"
        "exhausted|used up)|"
        r"exceeded (?:the |your |our )?(?:(?:api|request|daily|monthly|hourly|usage) )*quota|out of quota",
        "a service quota is exhausted",
        "ask the service which quota, and when it resets; until then connect and request less often",
        (400, 402, 403, 429),
    ),
    _clue(
        f"{_PLAN}{_BE} (?:expired|ended|lapsed|over|run out|canceled|cancelled|inactive)|(?:expired|inactive|"
        f"no active) {_PLAN}|"
        "payment (?:is )?(?:required|overdue|failed)|(?:insufficient|not enough|out of|no) (?:(?:account|"
        "api) )?(?:credits?|funds|balance)|"
        "upgrade (?:your )?(?:plan|subscription|account)|(?:not (?:included|available|allowed) in|"
        "not covered by) (?:your |the )?(?:current )?plan",
        "the cause is the account's plan or payment, not the connection",
        "check your account: its plan, expiry and payments",
        (400, 401, 402, 403, 429),
    ),
    _clue(
        "(?:request )?timestamp(?: (?:for|of|in) (?:this|the|your) request)?(?: is| was)? (?:out of range|too old|"
        "outside (?:of )?the (?:recv|receive) window|skewed|too far (?:in the (?:past|future)|ahead|behind)|"
        "in the (?:past|future)|"
        r"\d+ ?(?:ms|s|milliseconds|seconds)? ?(?:ahead of|behind) (?:the )?server(?: s)? time)|"
        "request time too skewed|(?:difference between )?request time and (?:the )?(?:server|"
        "current) time is too large",
        "the time in the request differs too much from the server's: signatures are only valid briefly",
        "check the clock of this machine, and sign each connection attempt separately",
        (400, 401, 403, 419, 498),
    ),
    _clue(
        f"{_SIGNED}{_BE} expired|expired {_SIGNED}",
        "the request signature has expired: signatures are only valid briefly",
        "sign each connection attempt separately, and check the clock of this machine",
        (400, 401, 403, 419, 498),
    ),
    _clue(
        f"{_TIMED}{_BE} (?:expired|timed out|revoked)(?: or (?:expired|revoked))?|expired {_TIMED}|"
        f"{_TIMED} expir(?:y|ation)|(?:log ?in|session|token){_BE} ended",
        "a credential in the request has expired or been revoked",
        "renew the credential named in the response and check when it expires",
        (400, 401, 403, 419, 440, 498),
    ),
    _clue(
        "missing authentication token",
        "a required credential is missing, or the path or stage does not exist there: AWS API Gateway "
        "says the same of both",
        "check the path and stage of the URL, then send the credential as the service documents (headers, URL)",
        (403,),
    ),
    _clue(
        f"(?:missing|no|empty|without) {_SECRET}(?: (?:was|is|were|are))?(?: (?:provided|supplied|found|given|"
        "sent|present|specified|set|header))?|"
        f"{_SECRET}{_BE} (?:missing|required|needed|absent|empty|not (?:provided|supplied|found|given|sent|"
        "present|set))|"
        "(?:log ?in|sign ?in|authentication|auth)(?: is)? (?:required|needed)|(?:log|sign) in(?: first)?|"
        "not (?:logged|signed) in|"
        "you (?:must|need to|have to) (?:log|sign) in(?: first)?|must (?:log|sign) in|"
        "(?:full )?authentication is required",
        "a required credential is missing",
        "send it as the service documents (headers, URL), or find out why it did not arrive",
        (400, 401, 403, 407),
    ),
    _clue(
        f"(?:invalid|bad|wrong|incorrect|malformed|unknown|unrecogni[sz]ed|unaccepted) {_SECRET}(?: (?:provided|"
        "supplied|given|format|specified|value))?|"
        f"{_SECRET}{_BE} (?:invalid|wrong|incorrect|malformed|unknown|rejected|refused|not (?:valid|recogni[sz]ed|"
        "accepted|known|correct)|(?:a )?mismatch|failed|does not match)|"
        f"{_SECRET} (?:verification|validation|check) (?:failed|failure|error)|log ?in (?:failed|incorrect|"
        f"invalid)|(?:could not|cannot|failed to) (?:verify|validate) {_SECRET}",
        "the server does not accept a credential in the request",
        "check the credential named in the response: whether it is correct, complete and still valid",
        (400, 401, 403, 407),
    ),
    _clue(
        "(?:(?:device|client|user|account|session|connection|id|identity|node|agent|api ?key|token) )+"
        "(?:is |was |has )?already (?:connected|logged in|signed in|in use|online|active|open)|"
        "duplicate (?:device|client|connection|session|login|client id)",
        "the server allows one connection per identity, and already has one",
        "look for a second client with these credentials, or an old connection that is still open; give each "
        "its own",
        (400, 401, 403, 409, 423, 429),
    ),
    _clue(
        "(?:insufficient|missing|no|not enough|lacking) (?:(?:account|api|user|token|required|"
        "the) )*(?:permissions?|scopes?|privileges?|rights|role)",
        "the server accepts these credentials, but they lack a required permission",
        "check what these credentials are allowed to do",
        (400, 401, 403),
    ),
    _clue(
        r"(?:(?:request|the|this|web ?socket|cross|http) )*origins?(?: header)?(?: \S+)?(?: web ?sockets?)?(?: is|"
        " was| are)? "
        "(?:not (?:allowed|permitted|accepted|valid|trusted|white ?listed)|forbidden|rejected|denied|invalid|"
        "mismatch|missing|required|disallowed)|"
        "(?:invalid|bad|forbidden|disallowed|unauthori[sz]ed|missing|wrong|untrusted|unknown|"
        "no) origin(?: header)?|origin check failed|"
        r"(?:web ?socket: )?request origin not allowed by upgrader\.check ?origin",
        "the server does not accept the Origin header, or requires one",
        "set origin to the value that the service expects",
        (400, 401, 403),
    ),
    _clue(
        r"(?:ip|ip address|address|client ip|client address|remote address|source ip)(?: \S*[.:]\S*)?(?: is| was|"
        " are)? "
        "(?:not (?:allowed|permitted|white ?listed|allow ?listed|authori[sz]ed|in (?:the )?(?:white|allow) ?list|"
        "on (?:the )?(?:white|allow) ?list)|forbidden|denied|rejected)",
        "the server does not accept the public address of this machine",
        "find out the public address of this machine (VPN, proxy), and ask the service to allow it",
        (400, 401, 403, 429),
    ),
    _clue(
        f"{_KIND}(?:(?:api |access )?keys?|tokens?|credentials?|accounts?){_BE} (?:restricted|limited|bound|locked|"
        r"tied) to (?:(?:specific|certain|other|the|an?|allowed|trusted|white ?listed) )*(?:ip(?: address(?:es)?)?|"
        r"address(?:es)?)? ?[\d.:a-f/, ]*|"
        f"{_KIND}(?:(?:api |access )?keys?|tokens?|credentials?){_BE} not (?:valid|allowed|permitted) (?:from|for) "
        r"(?:this |your )?(?:ip(?: address)?|address).*|(?:key|token|api key) ip mismatch",
        "the credential is only valid for other client addresses",
        "find out which public address this machine connects from (VPN, proxy), and compare it with the addresses that "
        "the key is allowed from",
        (400, 401, 403),
    ),
    _clue(
        "(?:(?:missing|unknown|unsupported|invalid|no|bad|unacceptable|wrong)(?: or (?:missing|unknown|"
        "unsupported|invalid))?) (?:requested )?(?:web ?socket )?(?:sub ?protocols?|"
        "sec web ?socket protocol(?: header)?)|"
        r"(?:requested )?(?:web ?socket )?(?:sub ?protocols?|sec web ?socket protocol(?: header)?)(?: \S+)?(?: is|"
        " was| are)? (?:required|needed|missing|unsupported|unknown|invalid|not (?:supported|acceptable|accepted|"
        "allowed|provided|given))",
        SUBPROTOCOL.cause,
        SUBPROTOCOL.next,
        (400, 401, 403, 404, 405, 406, 415, 426, 500, 501),
    ),
    _clue(
        "(?:400 )?plain http request was sent to https port|client sent an http request to an https server|"
        "combination of host and port requires tls|"
        "you're speaking plain http to an ssl enabled server port|"
        "you re speaking plain http to an ssl enabled server port",
        "the server expects TLS, but received a plain request",
        "check whether the URL should begin with wss://; if it does, a proxy in front of the server likely forwards "
        "the request without TLS; report it to its operator",
        (400, 403, 497),
    ),
    _clue(
        "no web ?socket upgrade hdr: none(?: can upgrade only to web ?socket)?|can upgrade only to web ?socket|"
        "web ?socket: the client is not using the web ?socket protocol: .*|"
        "(?:missing|no|invalid) (?:upgrade|connection)(?: header)?|(?:upgrade|"
        "connection) header(?: is)? (?:missing|required|invalid)|not a web ?socket (?:handshake|request|"
        "upgrade)(?: request)?",
        "the server found no valid Upgrade header, which wsmon sends: possibly an intermediate proxy removed it",
        "configure the proxy in front of the server to forward Upgrade and Connection (nginx: proxy_set_header), and "
        "check the path",
        (400, 404, 405, 426),
    ),
    _clue(
        "(?:(?:down|closed|offline|unavailable) (?:for|due to) |under(?:going)? |in )?(?:(?:scheduled|planned|"
        "system|server|service|site|routine|ongoing) )*maintenance(?: mode| in progress| window)?|"
        "(?:we are |we're |site is |service is |server is |system is |currently )+(?:(?:down|closed|offline|"
        "unavailable) for |under(?:going)? |in )(?:(?:scheduled|planned) )?maintenance(?: mode)?"
        "|(?:[a-z]+ ){1,4}(?:is|are) (?:(?:currently|temporarily|now) )?(?:(?:down|closed|offline|unavailable|halted) "
        "(?:for|due to) |under(?:going)? |in )(?:(?:scheduled|planned|routine|emergency|system) )*maintenance"
        "(?: mode)?(?:,? back .*)?|"
        "(?:[a-z]+ ){0,3}(?:upgrade|maintenance) (?:is )?(?:in progress|ongoing|under way)"
        "(?:,? back .*)?",
        "the server is under maintenance",
        "no action needed until it ends; if it lasts, ask the server operator",
        (500, 502, 503, 504),
    ),
)  # fmt: skip
