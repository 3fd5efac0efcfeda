"""Deribit's error codes by name: those about access, limits, requests and the state of the exchange.

Source: docs.deribit.com, RPC error codes. A code that is not here (an order's, say) reads ``rpc_<code>``, with the
exchange's own word for it as the error's text.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from wsmon.protocols.rpc import ERROR_NAMES as STANDARD

ERROR_NAMES: Mapping[int, str] = MappingProxyType(
    {
        **STANDARD,
        -32000: "missing_params",
        -32600: "request_entity_too_large",
        10000: "authorization_required",
        10028: "too_many_requests",
        10040: "retry",
        10041: "settlement_in_progress",
        10047: "matching_engine_queue_full",
        10048: "not_on_this_server",
        10049: "cancel_on_disconnect_failed",
        10066: "too_many_concurrent_requests",
        11029: "invalid_arguments",
        11042: "permission_denied",
        11043: "bad_argument",
        11049: "bad_arguments",
        11050: "bad_request",
        11051: "system_maintenance",
        11052: "subscribe_error_unsubscribed",
        11056: "unauthenticated_public_requests_temporarily_disabled",
        11094: "internal_server_error",
        11098: "account_locked",
        12003: "login_over_limit",
        12005: "country_is_banned",
        12998: "security_key_authorization_over_limit",
        13004: "invalid_credentials",
        13006: "security_error",
        13007: "user_not_found",
        13008: "request_failed",
        13009: "unauthorized",
        13010: "value_required",
        13012: "unavailable_in_subaccount",
        13016: "invalid_input",
        13018: "invalid_content_type",
        13020: "not_found",
        13021: "forbidden",
        13025: "method_switched_off_by_admin",
        13028: "temporarily_unavailable",
        13031: "verification_required",
        13042: "cod_not_enabled",
        13403: "scope_exceeded",
        13503: "unavailable",
        13666: "request_cancelled_by_user",
        13778: "raw_subscriptions_not_available_for_unauthorized",
        13888: "timed_out",
    }
)
