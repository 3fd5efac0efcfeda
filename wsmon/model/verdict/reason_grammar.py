"""What a close reason, or an error text of a peer, says: a grammar of whole sentences.

A text has a reading only if each of its clauses is understood from its first word to its last. One word that is not
known, such as the ``not`` of "not idle" or the subject of "replica heartbeat lost", leaves it without one: it is
quoted, and nothing is concluded from it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from functools import cache, lru_cache
from typing import Final


class ReasonKind(StrEnum):
    """What a peer gives as the reason of an end."""

    INIT_TWICE = "init_twice"
    SUBPROTOCOL = "subprotocol"
    NO_BINARY = "no_binary"
    NO_TEXT = "no_text"
    BAD_MESSAGE = "bad_message"
    TOO_BIG = "too_big"
    UNSUPPORTED = "unsupported"
    RATE = "rate"
    CONNECTIONS = "connections"
    PONG = "pong"
    HEARTBEAT = "heartbeat"
    STALE = "stale"
    REQUEST_TIMEOUT = "request_timeout"
    IDLE = "idle"
    LIFETIME = "lifetime"
    LATE_LOGIN = "late_login"
    TIMEOUT = "timeout"
    SLOW = "slow"
    BANNED = "banned"
    TOKEN = "token"  # noqa: S105  # the name of a kind
    EXPIRED = "expired"
    CERTIFICATE = "certificate"
    SESSION_OVER = "session_over"
    CREDENTIALS = "credentials"
    RESTART = "restart"
    REPLACED = "replaced"
    DELETED = "deleted"
    UNAVAILABLE = "unavailable"
    SERVER_ERROR = "server_error"
    DATA_ENDS = "data_ends"
    BEHIND = "behind"
    ANNOUNCED = "announced"


# Longer texts are prose
_LONGEST: Final = 300


@lru_cache(64)
def reason_kind(text: str) -> ReasonKind | None:
    """Return what a text says; ``None`` where a part of it is not understood, or its parts say different things.

    One verdict asks several times about the same reason, which takes 0.1 ms, and 25 ms at worst.
    """
    if len(text) > _LONGEST:
        return None
    clauses = _clauses(text)
    known = _PROGRAM_TEXTS.get(" ".join(clauses))
    if known is not None:
        return known
    kinds: list[ReasonKind] = []
    for clause in clauses:
        if re.fullmatch(_WAITS, clause) or re.fullmatch(_NEUTRAL, clause):
            continue
        kind = _kind(clause)
        if kind is None:
            return None
        kinds.append(kind)
    if not kinds and any(re.fullmatch(_BAN, clause) for clause in clauses):
        kinds.append(ReasonKind.BANNED)
    return _common(kinds)


def asked_wait(text: str) -> str:
    """Return the time that a text asks to wait, as it has it, whatever else it says; empty where it names none."""
    if len(text) > _LONGEST:
        return ""
    waits = filter(None, (re.fullmatch(_WAITS, clause) for clause in _clauses(text)))
    return next((each for waiting in waits for each in waiting.groups() if each), "")


def asked_until(text: str) -> str:
    """Return the time until which a text bars this client, as it has it, whatever else it says; empty without one."""
    found = _BARRED_UNTIL.search(text[:_LONGEST])
    return "" if found is None else found[1].rstrip(".,;:-")


def asked_address(text: str) -> str:
    """Return the address that a text asks to connect to instead; empty where it names none."""
    found = _OTHER_ADDRESS.search(text[:_LONGEST])
    return "" if found is None else found[1].rstrip(".,;:!?)\"'”")


def _kind(clause: str) -> ReasonKind | None:
    for kind, pattern in _grammar().items():
        if pattern.fullmatch(clause):
            return kind
    return None


def _common(kinds: list[ReasonKind]) -> ReasonKind | None:
    """Return the kind that all clauses agree on; of a vague one and another, the other."""
    distinct = set(kinds)
    if len(distinct) > 1:
        distinct -= _VAGUE
    return distinct.pop() if len(distinct) == 1 else None


# "authentication failed: token expired": the second clause says more
_VAGUE: Final = frozenset({ReasonKind.CREDENTIALS, ReasonKind.TIMEOUT, ReasonKind.ANNOUNCED})

_QUOTED: Final = re.compile(r"(?<!\w)(?:'[^']*'|\"[^\"]*\"|`[^`]*`|“[^”]*”|‘[^’]*’)(?!\w)")
# A number in brackets inside a statement: "connections (10) exceeded"
_INNER_NUMBER: Final = re.compile(r"\s*\(\d[^()]{0,30}\)(?=\s+\w)")
_ALL_QUOTED: Final = re.compile(r"^(['\"])([^'\"]*)\1$")
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_CONTRACTIONS: Final = (
    (re.compile(r"can(?:'|’)?t\b|cannot\b"), "can not"),
    (re.compile(r"n(?:'|’)t\b"), " not"),
    (re.compile(r"(?:'|’)re\b"), " are"),
    (re.compile(r"(?:'|’)ve\b"), " have"),
    (re.compile(r"\bweb[ _-]?socket"), "websocket"),
    (re.compile(r"\bsub[ _-]protocol"), "subprotocol"),
    (re.compile(r"\bkeep[ _-]alive"), "keepalive"),
    (re.compile(r"\bheart[ _-]beat"), "heartbeat"),
    (re.compile(r"\btime[ _-]out"), "timeout"),
    (re.compile(r"\bapi[ _-]key"), "apikey"),
    (re.compile(r"\brate[ _-]limit"), "ratelimit"),
    (re.compile(r"\blog[ _-]in\b"), "login"),
    (re.compile(r"\bsign[ _-]in\b"), "login"),
    (re.compile(r"\bop[ _-]code"), "opcode"),
)
# Where a clause ends: punctuation, and words that join a cause to what it led to
_ENDS: Final = re.compile(r"[.!?:,](?=\s|$)|[;()\[\]{}\n\r|–—]|\s-+\s|\b(?:because of|because|due to)\b")
_WORD: Final = re.compile(r"[^\W_](?:[\w.]*\w)?")
# Numbers that stand before a reason: of HTTP, of the service
_NUMBER_FIRST: Final = re.compile(
    r"(?:(?:http|error|code) )?[1-9]\d{2,4} (?=\D)(?!(?:ms|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?)$)"
)
# IRC puts the host before the reason, in several forms
_IRC_LINK: Final = re.compile(r"closing link: ?\S.*?[(\[]([^()\[\]]+)[)\]]\s*$")


def _clauses(text: str) -> list[str]:
    """Return the clauses of a text, in lower case, as words with one space between them."""
    # NATS puts all of its text in quotes
    plain = _ALL_QUOTED.sub(r"\2", text.strip())
    plain = _INNER_NUMBER.sub("", _QUOTED.sub(" quoted ", plain))
    if " " not in plain:
        plain = _CAMEL.sub(" ", plain).replace("-", " ")
    lower = _IRC_LINK.sub(r"closing link: \1", plain.lower())
    for pattern, spelling in _CONTRACTIONS:
        lower = pattern.sub(spelling, lower)
    parts = (" ".join(_WORD.findall(part.replace("_", " "))) for part in _ENDS.split(lower))
    return [_NUMBER_FIRST.sub("", part) if part not in _PROGRAM_TEXTS else part for part in parts if part]


# Reasons of programs whose meaning was seen, word for word: nats-server 2.9, nchan 1.3, websockets 17, Uvicorn 0.54,
# Tornado 6.6, flask-sock 0.7, Deno 2.9, graphql-ws 6.4, Bun 1.4
_PROGRAM_TEXTS: Final[Mapping[str, ReasonKind]] = {
    "keepalive ping timeout": ReasonKind.PONG,
    "ping timed out": ReasonKind.PONG,
    "ping pong timeout": ReasonKind.PONG,
    "no response from ping frame": ReasonKind.PONG,
    "stale connection": ReasonKind.STALE,
    "408 408 request timeout": ReasonKind.REQUEST_TIMEOUT,
    "408 request timeout": ReasonKind.REQUEST_TIMEOUT,
    "410 gone": ReasonKind.DELETED,
    "too many initialisation requests": ReasonKind.INIT_TWICE,
    "too many initialization requests": ReasonKind.INIT_TWICE,
    "server closed": ReasonKind.RESTART,
    "server shutdown": ReasonKind.RESTART,
}


# Words of a text that is not understood as a whole; they tell a possibility, and none where one of these turns them
_TURNING: Final = re.compile(
    r"n(?:'|’)t\b|\b(?:not|no|never|without|unless|until|after|before|your|margin)\b", re.IGNORECASE
)
_MENTIONS: Final[Mapping[ReasonKind, re.Pattern[str]]] = {
    ReasonKind.BEHIND: re.compile(r"\b(?:upstream|back[ -]?end|origin server|bad gateway)\b", re.IGNORECASE),
    ReasonKind.BANNED: re.compile(r"\b(?:moderators?|moderation|kicked|banned|expelled|ejected)\b", re.IGNORECASE),
    ReasonKind.RESTART: re.compile(
        r"\b(?:maintenance|shutting down|shut ?down|restart(?:s|ed|ing)?|reboot(?:ed|ing)?|redeploy(?:ed|ing|ment)?|"
        r"deployment|draining|going down)\b",
        re.IGNORECASE,
    ),
}
_HEARTBEAT: Final = re.compile(
    r"\b(?:pings?|pongs?|heart[ _-]?beats?|keep[ _-]?alives?|unresponsive|not responding)\b", re.IGNORECASE
)
_HEARTBEAT_KINDS: Final = frozenset({ReasonKind.PONG, ReasonKind.HEARTBEAT, ReasonKind.STALE})


def mentioned_kind(text: str) -> ReasonKind | None:
    """Return what a text that is not understood possibly says, by its words; ``None`` where these tell nothing."""
    if len(text) > _LONGEST or _TURNING.search(text):
        return None
    kinds = [kind for kind, pattern in _MENTIONS.items() if pattern.search(text)]
    return kinds[0] if kinds else None


def is_about_heartbeat(text: str) -> bool:
    """Return whether a text says, or at least mentions, that a ping, a pong or a heartbeat was missed."""
    kind = reason_kind(text)
    return kind in _HEARTBEAT_KINDS or (
        kind is None and _HEARTBEAT.search(text) is not None and mentioned_kind(text) is not ReasonKind.BEHIND
    )


def names_program_heartbeat(text: str) -> bool:
    """Return whether a text is, word for word, what a known program says of a ping that was not answered."""
    return _PROGRAM_TEXTS.get(" ".join(_clauses(text))) in (ReasonKind.PONG, ReasonKind.STALE)


# Parts of the patterns. Each is a closed list, so that an unknown word leaves a text without a reading
_N: Final = r"\d[\w.]*"
_UNIT: Final = r"(?:ms|s|sec|secs|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|weeks?)"
_SPAN: Final = rf"(?:\d[\d.]*{_UNIT}|\d[\d.]* {_UNIT}|a few {_UNIT}|a minute|an hour|a day)"
_LONG: Final = rf"(?:too long|a long time|{_SPAN})"
_IS: Final = r"(?:is |are |was |were |has |have |had |been |being |got |will be )*"
_DET: Final = r"(?:the |this |your |our |an? )?"
_SERVER: Final = (
    rf"{_DET}(?:(?:websocket|ws|api|chat|game|trading|matching|market) )?(?:server|service|node|gateway|instance|"
    r"system|broker|exchange|platform|cluster|site|venue|engine|application|worker|endpoint)"
)
_LINK: Final = rf"{_DET}(?:(?:websocket|ws|client|tcp|socket|user) )?(?:connection|session|socket|websocket|client)"
_MINE: Final = r"(?:(?:your|this|the|same|single|one|an?) )*"
_WHOM: Final = (
    rf"(?: (?:for|from|by|per|on|with) {_MINE}(?:ip|ip address|address|user|account|apikey|key|client|token|host|"
    r"connection|channel)(?: quoted| [\w.]*\d[\w.]*)?)?"
)
_PER: Final = rf"(?: (?:in|within|per|for|over|after|during) (?:(?:the )?last |{_SPAN}|{_UNIT}|too long| )*)?"
_DONE: Final = r"(?:reached|exceeded|hit|violated|exhausted)"
_SAID: Final = r"(?: (?:received|sent|seen|provided|supplied|given|found|specified|offered|requested))?"
_LOGIN_WORDS: Final = (
    r"(?:(?:access|auth|authentication|authorization|bearer|security|session|api|refresh|id|jwt|user|client|"
    r"oauth|login) )*"
)
_MESSAGE: Final = r"(?:message|payload|request|packet|frame|json|json message|json payload|command|opcode)"
_PING: Final = r"(?:ping|pong|ping pong|heartbeat|keepalive)"
_AGAIN: Final = r"(?: (?:again|later|soon|shortly|now|in a moment|in a while))*"
_RETRY: Final = r"(?:please )?(?:try to )?(?:reconnect|re connect|retry|try again|try reconnecting|wait|connect again)"
_FOR_WORK: Final = (
    rf"for {_DET}(?:(?:scheduled|planned|service|server|system) )*"
    r"(?:maintenance|upgrade|update|restart|deploy|deployment)"
)
_WHEN_AND_WHY: Final = rf"(?: (?:now|soon|shortly|in {_SPAN}|{_FOR_WORK})){{0,2}}"
_OFFICE: Final = r"(?:admin|administrator|operator|moderator|owner|app|application|server|system|administrative action)"
_US: Final = (
    r"(?:you|client|account|ip|apikey|application|app|your (?:account|ip|ip address|address|apikey|client|"
    r"connection|application|session)|this (?:account|ip|ip address|client|apikey)|user account|ip address|"
    r"the (?:account|client|user))"
)
_BAN_VERB: Final = (
    r"(?:temporarily |permanently )?(?:banned|suspended|blocked|blacklisted|disabled|deactivated|locked out|locked)"
)
_LOGIN_FROM: Final = (
    r"(?:from |on |at |in |with )?(?:elsewhere|(?:an? |the )?(?:another|other|different|new|second) "
    r"(?:device|location|client|browser|tab|window|session|place|connection|computer|machine|ip))"
)
_BEHIND: Final = (
    rf"{_DET}(?:(?:remote|internal) )?(?:upstream|backend|back end|origin|downstream)"
    r"(?: (?:server|service|host|connection|websocket|socket|peer|application|app|node|api))*"
)
_LOGON: Final = r"(?:connection|session|client|login|logon|log on|one)"
_DATA: Final = r"(?:frames?|messages?|data|payloads?)"
_HERE: Final = rf"(?: (?:here|(?:on|by|in|at|for) {_DET}(?:channel|server|endpoint|service|connection|stream|api)))?"
_NEWER: Final = r"(?:an? )?(?:new|newer|another|other|second)"

_BAN_UNTIL: Final = rf"(?:{_US} {_IS})?{_BAN_VERB} until(?: {_N})+(?: (?:utc|gmt|am|pm|z|cet|est|pst))?"
_BARRED_UNTIL: Final = re.compile(
    rf"\b{_BAN_VERB} until (\d[\w:.+/-]*(?: (?:\d[\w:.+/-]*|(?:utc|gmt|am|pm|z|cet|est|pst)\b))*)", re.IGNORECASE
)
_OTHER_ADDRESS: Final = re.compile(
    r"\b(?:re-?connect|connect|re-?dial|dial|move|switch|use|go)\b[^.;!?]{0,40}?\b(wss?://\S{1,200})", re.IGNORECASE
)
# Not compiled when a recorder starts: these three take as long as all other patterns of verdicts together; ``re`` keeps
# what it compiled
_BAN: Final = rf"{_US} {_IS}{_BAN_VERB} for {_SPAN}|{_BAN_VERB} for {_SPAN}|{_BAN_UNTIL}"
# Clauses that ask to wait, with the time as their group
_WAITS: Final = (
    rf"{_US} {_IS}{_BAN_VERB} for ({_SPAN})|{_BAN_VERB} for ({_SPAN})|"
    rf"{_RETRY}{_AGAIN} (?:in|after|for) ({_SPAN})|retry after ({_SPAN})|please wait ({_SPAN})|wait ({_SPAN})"
)
# Clauses that go with any reason and say nothing of their own
_NEUTRAL: Final = (
    rf"quoted|{_N}|{_N} (?:connections|messages|requests|subscriptions|bytes|{_UNIT})|{_N} {_N}|"
    r"(?:error|err|fatal|fatal error|warning|info|notice|reason|code|status|sorry|hello|bye|goodbye|good bye|denied|"
    r"rejected|refused|closed|closing|disconnect|disconnected|disconnecting|disconnection|abort|aborted|failure|"
    r"connection error|websocket error|stream error|stream closed|connack|going away|normal closure|policy violation|"
    rf"closing link|bad connect)(?: {_N})?|"
    rf"{_RETRY}{_AGAIN}|(?:please )?(?:login|authenticate|re authenticate)(?: again)?|"
    rf"{_LINK} {_IS}(?:closed|closing|terminated|dropped|rejected|refused|disconnected)"
    r"(?: by (?:the )?(?:server|peer|remote host))?|"
    rf"(?:closing|terminating|dropping|disconnecting|rejecting)(?: {_LINK}| you)?|"
    r"(?:stopping|closing|ending) the stream|"
    r"the (?:websocket )?(?:connection|session)|(?:session|connection|request|trace)(?: id)?|ref|reference|id|"
    rf"(?:(?:we|it) will be |will be |expected )?back (?:at|by|on|in) "
    rf"(?:{_SPAN}|{_N}(?: {_N})*(?: (?:utc|gmt|am|pm|z))?)|"
    rf"{_BAN_UNTIL}|you (?:have )?sent (?:{_N} )?(?:messages|requests|commands|orders){_PER}|"
    r"upgrade (?:your (?:plan|subscription|account) )?(?:for|to) (?:unlimited|longer|more)"
    r"(?: (?:streaming|connections|sessions|streams|access|time|usage))?|"
    rf"you {_IS}disconnected|(?:client event|request) {_IS}rejected"
)


def _pattern(*alternatives: str) -> str:
    return "|".join(alternatives)


# Compiled by ``_grammar``
_GRAMMAR: Final[Mapping[ReasonKind, str]] = {
    ReasonKind.SUBPROTOCOL: _pattern(
        rf"(?:websocket |requested )?subprotocol(?: quoted)? {_IS}(?:not (?:acceptable|supported|accepted|available|"
        r"negotiated)|unsupported|unacceptable|mismatch|required|missing)",
        rf"(?:no|missing|invalid|unknown|unsupported|unacceptable|wrong|bad) (?:websocket )?subprotocols?"
        rf"(?: quoted)?{_SAID}",
    ),
    ReasonKind.NO_BINARY: _pattern(
        rf"binary {_DATA} {_IS}(?:not (?:supported|allowed|accepted|permitted)|unsupported|forbidden){_HERE}",
        rf"(?:unsupported|unexpected) binary {_DATA}{_SAID}{_HERE}|"
        rf"only text {_DATA} {_IS}(?:supported|allowed|accepted|permitted){_HERE}",
    ),
    ReasonKind.NO_TEXT: _pattern(
        rf"text {_DATA} {_IS}(?:not (?:supported|allowed|accepted|permitted)|unsupported|forbidden){_HERE}",
        rf"(?:unsupported|unexpected) text {_DATA}{_SAID}{_HERE}|"
        rf"only binary {_DATA} {_IS}(?:supported|allowed|accepted|permitted){_HERE}",
    ),
    ReasonKind.BAD_MESSAGE: _pattern(
        rf"(?:invalid|malformed|bad|unparsable|unparseable|unknown|unexpected|unrecogni[sz]ed|illegal|incorrect) "
        rf"(?:client )?(?:{_MESSAGE}|(?:message|json|payload|request) (?:type|format)|method|action|parameters?|params|"
        rf"seq|sequence)(?: quoted| {_N})?{_SAID}",
        rf"{_DET}{_MESSAGE} {_IS}(?:invalid|malformed|not valid|not valid json|not understood|unparsable)",
        rf"(?:failed|unable) to (?:parse|decode|deserialize|understand) {_DET}(?:client )?{_MESSAGE}",
        rf"(?:could|can) not (?:parse|decode|deserialize|understand) {_DET}(?:client )?{_MESSAGE}",
        r"(?:(?:json|message|payload) )?(?:parse|parsing|decode|decoding|syntax) error",
        r"protocol error|protocol violation|malformed packet",
        rf"unexpected token(?: \S+)? in json(?: at position {_N})?|unexpected end of json(?: input)?",
    ),
    ReasonKind.TOO_BIG: _pattern(
        rf"{_DET}(?:(?:client|incoming|received|websocket) )*(?:message|payload|packet|frame|request)"
        rf"(?: size| length)?(?: {_N})?(?: bytes)? {_IS}(?:too (?:big|large|long)|(?:exceeds|exceeded|over) {_DET}"
        rf"(?:maximum |max |allowed |message |payload )*(?:size|size limit)(?: of)?(?: {_N})?(?: bytes)?)",
        rf"{_DET}(?:(?:message|frame|packet) (?:size|length)|payload(?: size)?)(?: {_N})?(?: bytes)? "
        rf"(?:exceeds|exceeded|over) {_DET}(?:maximum |max |allowed )*(?:limit|size)(?: of)?(?: {_N})?(?: bytes)?",
        rf"(?:maximum|max) (?:message|payload|frame|packet)(?: size| length)?(?: of {_N})?(?: bytes)? {_IS}"
        r"(?:exceeded|violation)",
    ),
    ReasonKind.UNSUPPORTED: _pattern(
        r"(?:unsupported|unacceptable|incompatible|outdated|invalid) "
        rf"(?:(?:websocket|rpc|api|client|protocol|mqtt) )*(?:version|protocol)(?: quoted| {_N})?{_SAID}",
        r"unsupported feature(?: quoted)?",
        r"no (?:(?:protocol|api|client) )?version (?:supplied|provided|given|specified)",
        r"(?:(?:requested|this|the|your|websocket|rpc|client|api|mqtt) )*(?:protocol|version|protocol version|feature)"
        rf"(?: quoted| {_N})? {_IS}(?:not (?:supported|acceptable|accepted|available)|no longer supported|unsupported)",
        r"not supported|unacceptable protocol version",
    ),
    ReasonKind.RATE: _pattern(
        r"(?:(?:api|message|messages|request|command|client|your|the|ip|global|user|subscription) )*"
        rf"ratelimit(?: {_IS}(?:{_DONE}|violation))?{_WHOM}",
        rf"(?:you )?exceeded {_DET}ratelimit{_WHOM}",
        rf"{_DET}(?:api|message|request|command) rate {_IS}(?:exceeded|too (?:high|fast))|rate (?:exceeded|too high)",
        rf"(?:(?:you|client|user) )?{_IS}(?:ratelimited|throttled){_WHOM}",
        rf"too many (?:requests?|messages|commands|subscriptions|calls|attempts|login attempts){_PER}{_WHOM}{_PER}",
        rf"(?:(?:you|client) )?{_IS}sending (?:messages |requests )?too (?:fast|quickly|many messages|many requests)",
        rf"{_DET}(?:(?:api|daily|monthly|message|request|usage) )*quota {_IS}{_DONE}{_WHOM}",
        r"token bucket (?:is )?(?:empty|exhausted)|slow down|throttled|excess flood",
    ),
    ReasonKind.CONNECTIONS: _pattern(
        r"(?:(?:maximum|max|new|concurrent|open|client|active|the|your|websocket) )*"
        rf"(?:connections?|sessions)(?: count)? (?:limit|quota)(?: of {_N})? {_IS}{_DONE}{_WHOM}",
        r"too many (?:(?:concurrent|open|active|simultaneous|websocket|client|parallel) )*"
        rf"(?:connections|clients|sessions|websockets|sockets)(?: opened| open| already open)?{_WHOM}",
        r"(?:maximum|max)(?: number of)?(?: (?:concurrent|open|active|simultaneous|websocket|client|allowed))* "
        rf"(?:connections|clients|sessions)(?: of {_N})?(?: (?:allowed|{_IS}{_DONE}))?{_WHOM}",
        rf"(?:(?:the|your|this) )?(?:application |account )?{_IS}over connection (?:quota|limit)",
    ),
    ReasonKind.PONG: _pattern(
        r"(?:(?:websocket|client|keepalive) )*(?:ping|pong|ping pong) (?:response |reply )?"
        rf"(?:timeout|timed out|missed|missing|not received|not received in time)(?: from client)?{_PER}",
        r"(?:no|missed|missing) (?:pong|pongs|ping response|ping reply|answer to ping|response to ping)"
        rf"(?: received)?(?: from client| in time)?{_PER}",
        rf"(?:(?:client|peer|you) )?(?:did|does|do|has|have) not (?:respond|reply|answer|responded|replied|answered)"
        rf"(?: to| with)? {_DET}(?:(?:last|server|websocket) )?(?:ping|pong)s?(?: frames?| messages?| requests?)?"
        rf"(?: in time)?{_PER}",
        rf"(?:(?:client|peer|you) )?failed to (?:respond|reply|answer)(?: to| with)? {_DET}(?:ping|pong)s?(?: in time)?"
        rf"{_PER}",
        rf"{_DET}(?:ping|pong)s? {_IS}not (?:answered|acknowledged|returned|received|responded to)(?: in time)?{_PER}",
        rf"no (?:pong|response|reply|answer)(?: frames?| messages?)? {_IS}(?:received|seen|came)"
        rf"(?: (?:to|for) {_DET}pings?)?(?: from (?:the )?client| from you)?{_PER}",
        # Pusher, 4201
        r"(?:a )?ping was sent to (?:the )?client|but no (?:reply|response|answer) was received|"
        r"see ping and pong messages",
        r"client failed (?:the )?(?:ping|ping pong)",
    ),
    ReasonKind.HEARTBEAT: _pattern(
        rf"(?:(?:websocket|client) )*(?:heartbeat|keepalive)s? (?:ack |response |reply )?"
        rf"(?:timeout|timed out|missed|missing|lost|expired|overdue|not received|not received in time){_PER}",
        rf"(?:no|missed|missing) (?:heartbeats?|keepalives?|pings?|heartbeat (?:ack|response|reply))(?: received)?"
        rf"(?: from client| from you| in time)?{_PER}",
        rf"(?:client|you)? ?missed (?:too many|{_N}) (?:{_PING})s?",
        rf"client (?:did|does) not (?:send|answer) {_DET}(?:heartbeat|keepalive|ping)s?(?: in time)?{_PER}",
        rf"{_DET}{_PING} (?:check|test|probe)s? {_IS}(?:expired|failed|timeout|timed out|missed|not passed|overdue)"
        rf"{_PER}",
    ),
    ReasonKind.IDLE: _pattern(
        r"(?:(?:connection|session|client|websocket|socket|user|stream|the|your) )*"
        rf"(?:idle|inactivity) (?:timeout|timed out|limit|limit {_DONE}|disconnect)(?: {_IS}{_DONE})?{_PER}"
        rf"(?: (?:after|of) {_SPAN})?(?: {_DONE})?",
        rf"(?:(?:connection|session|client|the|your|you) )*{_IS}(?:idle|inactive)(?: for)? {_LONG}",
        rf"(?:connection|session|client) {_IS}(?:idle|inactive)",
        r"inactivity|idle|idle connection|inactive connection",
        rf"(?:{_LINK} {_IS})?(?:closed|disconnected|terminated) (?:after|for|for being) (?:{_SPAN} of )?"
        rf"(?:inactivity|idle|inactive){_PER}",
        rf"no activity{_PER}|no (?:data|messages?|traffic) (?:(?:received|seen|from client|from you) )+"
        rf"(?:for|in|within) (?:the last )?{_LONG}|"
        r"no (?:data|messages?|traffic) (?:received )?from (?:the )?client",
    ),
    ReasonKind.LIFETIME: _pattern(
        rf"{_DET}(?:max|maximum)(?: allowed)? (?:connection|session|websocket|stream) (?:duration|lifetime|age|time|"
        rf"life)(?: limit)?(?: of {_SPAN})?(?: {_IS}(?:{_DONE}|expired|over))?",
        rf"{_DET}(?:connection|websocket|stream) (?:duration|lifetime|age)(?: limit)?(?: of {_SPAN})? {_IS}"
        rf"(?:{_DONE}|expired|over)",
        rf"(?:max|maximum) (?:age|lifetime|duration)(?: of {_SPAN})?(?: {_IS}{_DONE})?",
        rf"{_DET}(?:(?:free|paid|basic|trial|current|starter|pro|demo) )?(?:plan|tier|subscription|account|licen[cs]e) "
        rf"{_IS}(?:allows?|permits?|includes?|limited to) (?:up to |only )?{_SPAN} (?:per|for each|for a) "
        r"(?:connection|session|stream)",
        rf"{_SPAN} (?:(?:connection|session) )?(?:connection|session|lifetime) limit {_IS}{_DONE}",
        rf"{_LINK} {_IS}(?:exceeded|reached|exceeds) {_DET}(?:max|maximum)(?: allowed)? "
        rf"(?:(?:connection|session) )?(?:duration|lifetime|age|time)(?: limit)?(?: of {_SPAN})?",
    ),
    ReasonKind.LATE_LOGIN: _pattern(
        r"(?:login|authentication|auth|identify|connection initiali[sz]ation|connection init|initiali[sz]ation) "
        r"(?:timeout|timed out)",
        r"(?:connection )?not (?:authori[sz]ed|authenticated) (?:within timeout|in time)",
    ),
    ReasonKind.SESSION_OVER: _pattern(
        rf"{_DET}(?:(?:user|login|auth) )?session {_IS}(?:expired|invalidated|revoked|invalid|"
        r"no longer valid|not valid)|invalid session|expired session",
        rf"{_DET}(?:user |login |auth |http )session {_IS}(?:timed out|timeout)",
        rf"(?:(?:user|you|client) )?{_IS}logged ?out|user logout|logout",
        rf"{_DET}(?:user |account )?password {_IS}(?:changed|reset)|password change",
    ),
    ReasonKind.TIMEOUT: _pattern(
        rf"(?:(?:{_LINK}|the) )?(?:(?:read|receive|recv|request) )?(?:timeout|timed out)"
        rf"(?: (?:after|of) {_SPAN})?{_PER}",
        # In Java the session is the connection (JSR 356): "The WebSocket session [0] timeout expired" (Tomcat)
        rf"(?:{_LINK} )?timeout {_IS}(?:expired|exceeded|reached)",
    ),
    ReasonKind.SLOW: _pattern(
        r"slow (?:consumer|client|reader|subscriber|receiver)(?: detected)?",
        rf"{_DET}(?:client|consumer|reader|receiver|subscriber) {_IS}(?:too slow|lagging|reading too slowly)",
        r"(?:client|consumer|you) (?:can|could) not keep up",
        rf"(?:send|client|client send) (?:buffer|queue) {_IS}(?:full|overflow|overrun|exceeded)",
        r"backpressure",
    ),
    ReasonKind.BANNED: _pattern(
        rf"{_US} (?:{_N} |quoted )?{_IS}{_BAN_VERB}(?: by {_DET}{_OFFICE})?",
        rf"user {_IS}(?:suspended|disabled|deactivated|locked out)(?: by {_DET}{_OFFICE})?",
        rf"{_BAN_VERB} by {_DET}{_OFFICE}|banned|ip banned",
        rf"(?:you {_IS})?kicked(?: by {_DET}{_OFFICE})?|administrative action",
        rf"(?:(?:{_LINK}|you) {_IS})?(?:disconnected|terminated|closed|kicked) by {_DET}"
        r"(?:admin|administrator|operator|moderator|administrative action)",
        rf"you {_IS}(?:removed|kicked|kicked out|banned|expelled|ejected|muted)(?: from {_DET}(?:room|channel|chat|"
        rf"group|lobby|game|match|server|session|stream))?(?: by {_DET}{_OFFICE})?",
    ),
    ReasonKind.TOKEN: _pattern(
        rf"(?:invalid|bad|wrong|missing|no|incorrect|malformed) {_LOGIN_WORDS}(?:token|jwt)"
        rf"(?: or password)?{_SAID}",
        rf"{_DET}{_LOGIN_WORDS}(?:token|jwt) {_IS}(?:invalid|not valid|missing|required|rejected|malformed|"
        r"not accepted|incorrect|wrong)",
    ),
    ReasonKind.EXPIRED: _pattern(
        rf"{_DET}{_LOGIN_WORDS}(?:token|jwt|credentials?|listen key|listenkey|apikey|login)(?: quoted)? {_IS}"
        rf"(?:expired|revoked)(?: (?:at|on)(?: {_N})+| {_SPAN} ago)?",
        r"(?:auth|authentication|authorization) expired",
        rf"expired {_LOGIN_WORDS}(?:token|jwt|credentials?|listen key|listenkey|apikey)",
    ),
    ReasonKind.CERTIFICATE: _pattern(
        rf"(?:your|(?:(?:the|your|this) )?(?:(?:tls|ssl|x.?509) )?(?:device|client|user))"
        rf"(?: (?:tls|ssl|x.?509))?(?: certificate| cert) {_IS}(?:revoked|expired)(?: by {_DET}{_OFFICE})?",
    ),
    ReasonKind.CREDENTIALS: _pattern(
        r"unauthori[sz]ed|not authori[sz]ed|unauthenticated|forbidden|(?:access|permission) (?:denied|refused)|"
        r"access refused for user(?: quoted)?|(?:(?:connection|client|you) )?(?:is |are )?(?:unauthori[sz]ed|"
        r"not authori[sz]ed|not authenticated|not logged in)",
        rf"(?:user |client )?(?:auth|authentication|authori[sz]ation|login|login authentication) {_IS}"
        r"(?:failed|failure|error|required|invalid|denied|rejected|violation|unsuccessful|incorrect|refused)",
        r"(?:invalid|bad|wrong|incorrect|missing) (?:credentials?|apikey|signature|password|login|"
        rf"user ?name or password|user ?name|auth|authentication|apikey or signature){_SAID}",
        rf"(?:invalid|wrong) key|no (?:credentials|apikey|authentication){_SAID}",
        rf"{_DET}(?:apikey|signature|password|credentials) {_IS}(?:invalid|wrong|incorrect|missing|required|not valid|"
        r"rejected|not accepted)",
        r"(?:you |client )?(?:must|need to|have to) (?:be )?(?:authenticated?|authori[sz]ed|logged in|login)"
        r"(?: first)?|"
        # Hasura
        r"invalid x hasura admin secret x hasura access key|"
        r"bad user ?name or password|insufficient (?:permissions?|privileges|scope)",
    ),
    ReasonKind.RESTART: _pattern(
        rf"{_SERVER} {_IS}(?:going to )?(?:restart|restarting|restarted|shutting down|shut down|shutdown|stopping|"
        r"stopped|going down|going away|redeploying|rebooting|draining|terminating|closing)"
        rf"{_WHEN_AND_WHY}",
        rf"{_SERVER} will (?:soon |shortly )?(?:restart|shut down|stop|go down|be (?:restarted|shut down|stopped))"
        rf"{_WHEN_AND_WHY}",
        rf"{_LINK} (?:will|is going to|is about to) (?:soon |shortly )?be "
        rf"(?:closed|terminated|dropped|disconnected|reset)(?: in {_SPAN})? {_FOR_WORK}(?: in {_SPAN})?",
        rf"(?:(?:scheduled|planned|server|service|system) )*(?:maintenance|restart|shutdown|upgrade|deploy|deployment) "
        rf"(?:will (?:start|begin) |starts |begins )?in {_SPAN}",
        r"restart|shutdown|deploy|deployment|(?:restarting|shutting down|draining|stopping|redeploying|deploying)"
        r"(?: (?:now|soon|shortly|in progress|for (?:scheduled |planned )?(?:maintenance|upgrade|deploy)))?",
        r"(?:(?:scheduled|planned|server|service|rolling|system|graceful|emergency) )+(?:restart|shutdown|maintenance|"
        r"deploy|deployment|reboot)(?: (?:in progress|started|window))?|new deployment|"
        r"(?:server|service|rolling) (?:upgrade|update)(?: (?:in progress|started))?",
        rf"(?:(?:{_SERVER}) )?{_IS}(?:down for |under |in )?maintenance(?: (?:window|mode|in progress|started))?",
        r"upgrade in progress|(?:the |this )?(?:pod|container) (?:is |was |has )?(?:being |been )?"
        r"(?:evicted|shutting down|draining|restarting)",
    ),
    ReasonKind.REPLACED: _pattern(
        rf"(?:(?:you|user|client|account) )?{_IS}(?:logged|signed|connected) in {_LOGIN_FROM}|"
        rf"(?:you|user|client|account) (?:{_IS})(?:logged|signed) in {_LOGIN_FROM}|(?:you )?connected {_LOGIN_FROM}",
        rf"(?:new |duplicate )?(?:login|connection|session) {_LOGIN_FROM}",
        rf"(?:(?:connection|session|client|you|your (?:connection|session)) )?{_IS}(?:replaced|superseded|taken over|"
        rf"displaced)(?: by {_NEWER} (?:connection|session|client|login|one))?",
        rf"{_DET}(?:(?:order entry|trading|market data|fix|user|client|streaming|game|chat) )+(?:connection|session) "
        rf"{_IS}(?:replaced|superseded|taken over|displaced)(?: by {_NEWER} {_LOGON})?(?: (?:from|at) \S+)?",
        rf"(?:(?:connection|session|client|you|your (?:connection|session)) )?{_IS}(?:replaced|superseded|taken over|"
        rf"displaced) by {_NEWER} {_LOGON}(?: (?:from|at) \S+)?",
        r"duplicate (?:connection|session|login|client|client id)(?: detected)?",
        rf"{_NEWER} (?:connection|session|login|client|device) {_IS}"
        r"(?:opened|established|detected|connected|logged in|took over|started) "
        r"(?:for|with|from) (?:this|the same|your) (?:user|account|key|apikey|client id|id|identity|credentials)",
        r"(?:new|another) (?:login|device) (?:detected|logged in)",
        r"(?:session|connection|stream|resource|client) conflict",
    ),
    ReasonKind.DELETED: _pattern(rf"{_DET}channel {_IS}deleted"),
    ReasonKind.UNAVAILABLE: _pattern(
        rf"{_SERVER} {_IS}(?:currently |temporarily )*(?:unavailable|busy|overloaded|over capacity|at capacity|"
        r"too busy|not available)",
        r"(?:currently |temporarily )?(?:overloaded|over capacity|at capacity)|temporarily unavailable",
    ),
    ReasonKind.SERVER_ERROR: _pattern(
        r"(?:an? )?(?:(?:internal|unexpected|unknown|unhandled|server|fatal) )+(?:error|exception|failure|fault)"
        r"(?: occurred| on the server)?|something went wrong|too many open files|out of memory",
    ),
    ReasonKind.BEHIND: _pattern(
        rf"{_BEHIND} {_IS}(?:(?:unexpectedly|abruptly) )?(?:closed|disconnected|unavailable|not available|unreachable|"
        r"not reachable|down|gone|gone away|went away|lost|reset|terminated|dropped|failed|timeout|timed out|error|"
        r"failure|not responding|refused|broken|crashed|restarting|hung up|aborted)"
        rf"(?: {_DET}connection)?(?: unexpectedly| abruptly)?{_PER}",
        rf"(?:lost|no|losing) connection (?:to|with) {_BEHIND}",
        rf"{_DET}(?:connection|connect|connecting) (?:to|with|from) {_BEHIND} {_IS}(?:lost|failed|closed|reset|refused|"
        r"timed out|timeout|dropped|broken|error|terminated|interrupted)",
        rf"(?:could not|can not|failed to|unable to) (?:connect to|reach|contact|read from|write to) {_BEHIND}",
        rf"error (?:connecting to|from|in|communicating with|reading from|while connecting to) {_BEHIND}",
        rf"no (?:(?:healthy|available|live) )?{_BEHIND}s?"
        rf"(?: (?:is |are )?(?:available|healthy|reachable|alive))?|bad gateway|gateway (?:timeout|error)",
        # Envoy
        r"upstream connect error or disconnect reset before headers|(?:retried and the latest )?reset reason|"
        r"transport failure reason|(?:remote |local )?connection (?:termination|failure)|(?:remote|local) reset",
    ),
    ReasonKind.ANNOUNCED: _pattern(
        rf"(?:{_LINK}|you) (?:will|is going to|are going to|is about to) (?:soon |shortly )?be "
        rf"(?:closed|terminated|dropped|disconnected|reset|ended|logged out)(?: (?:in|after) {_SPAN}| soon| shortly)?",
        rf"(?:daily|nightly|weekly|scheduled|planned|periodic|routine) (?:session |connection )?"
        rf"(?:reset|rollover|disconnect|disconnection|reconnect)(?: in {_SPAN})?",
    ),
    ReasonKind.DATA_ENDS: _pattern(
        r"(?:the )?end of (?:the )?(?:data|stream|feed)|no more data",
        rf"{_DET}stream {_IS}(?:complete|completed|finished)",
    ),
}


@cache
def _grammar() -> Mapping[ReasonKind, re.Pattern[str]]:
    """Compile the grammar with the first reason: that takes 40 ms, which no start should wait for."""
    return {kind: re.compile(pattern) for kind, pattern in _GRAMMAR.items()}
